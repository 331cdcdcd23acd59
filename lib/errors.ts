/** Every `code` that an error of this library can carry; `docs/errors.md` has a heading for each. */
export type ErrorCode =
  | "ERR_ACCEPT_TIMEOUT"
  | "ERR_ALREADY_ANSWERED"
  | "ERR_ALREADY_SERVING"
  | "ERR_BODY_NOT_JSON"
  | "ERR_INVALID_ARGUMENT"
  | "ERR_INVALID_HEADER"
  | "ERR_INVALID_STATUS"
  | "ERR_SERVER_ALREADY_LISTENING"
  | "ERR_SERVER_CLOSED"
  | "ERR_SERVER_NOT_LISTENING"
  | "ERR_UNSUPPORTED";

/**
 * Gives a built-in error its stable `code`.
 *
 * The class says what kind of mistake it is, the code which one, the message what to do about it.
 *
 * @internal
 */
export function withCode<E extends Error>(code: ErrorCode, error: E): E & { code: ErrorCode } {
  return Object.assign(error, { code });
}

/** A header line that cannot be sent or kept. @internal */
export function invalidHeader(problem: string, cause?: unknown): TypeError {
  return withCode("ERR_INVALID_HEADER", new TypeError(problem, cause === undefined ? {} : { cause }));
}

/**
 * A system error as Node gives it, made anew: in a test runner's sandbox Node's own is not `instanceof Error`.
 *
 * @internal
 */
export function systemError(cause: NodeJS.ErrnoException, hint = ""): Error {
  const { code, errno, syscall } = cause;
  const { address, port } = cause as { address?: string; port?: number };
  return Object.assign(new Error(cause.message + hint, { cause }), { code, errno, syscall, address, port });
}
