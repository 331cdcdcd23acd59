/** Every `code` that an error of this library can carry; `docs/errors.md` has a heading for each. */
export type ErrorCode =
  | "ERR_ACCEPT_TIMEOUT"
  | "ERR_ALREADY_ANSWERED"
  | "ERR_ALREADY_SERVING"
  | "ERR_BODY_NOT_FORM"
  | "ERR_BODY_NOT_JSON"
  | "ERR_BODY_NOT_READ"
  | "ERR_BODY_NOT_READABLE"
  | "ERR_BODY_TOO_LARGE"
  | "ERR_CLIENT_DISCONNECTED"
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
 */
export function withCode<E extends Error>(code: ErrorCode, error: E): E & { code: ErrorCode } {
  return Object.assign(error, { code });
}

/** How much of a text an error shows, in characters. */
const SHOWN = 60;

/** A value as an error shows it: a text in quotes, so that "200" and 200 differ; of an object its kind, not what is in it. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  const { constructor } = value as { constructor?: { name?: unknown } };
  const kind = typeof constructor?.name === "string" && constructor.name !== "" ? constructor.name : "Object";
  return kind === "Object" ? "an object" : `${/^[AEIOU]/.test(kind) ? "an" : "a"} ${kind}`;
}

/** Adds which request an error is about, where its message was made without knowing that. */
export function about(error: unknown, line: string): unknown {
  const { code, message, stack } = error as Partial<Error & { code: string }>;
  if (typeof code !== "string" || message === undefined || message.includes(line)) return error;
  const longer = `${message} (in the response to ${line})`;
  return Object.assign(error as Error, { message: longer, stack: stack?.replace(message, () => longer) });
}

/** A header line that cannot be sent or kept. */
export function invalidHeader(problem: string, cause?: unknown): TypeError {
  return withCode("ERR_INVALID_HEADER", new TypeError(problem, cause === undefined ? {} : { cause }));
}

/** A system error as Node gives it, made anew: in a test runner's sandbox Node's own is not `instanceof Error`. */
export function systemError(cause: NodeJS.ErrnoException, hint = ""): Error {
  const { code, errno, syscall } = cause;
  const { address, port } = cause as { address?: string; port?: number };
  return Object.assign(new Error(cause.message + hint, { cause }), { code, errno, syscall, address, port });
}
