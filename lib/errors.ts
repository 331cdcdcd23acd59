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
  | "ERR_CLIENT_FINISHED"
  | "ERR_INVALID_ARGUMENT"
  | "ERR_INVALID_HEADER"
  | "ERR_INVALID_STATUS"
  | "ERR_NO_TEST_HOOKS"
  | "ERR_SERVER_ALREADY_LISTENING"
  | "ERR_SERVER_CLOSED"
  | "ERR_SERVER_NOT_LISTENING"
  | "ERR_UNSUPPORTED";

/** The errors of this library: one that a caller's own code has thrown passes through as it is. */
const own = new WeakSet<WeakKey>();

/**
 * Gives a built-in error its stable `code`.
 *
 * The class says what kind of mistake it is, the code which one, the message what to do about it.
 *
 * @internal
 */
export function withCode<E extends Error>(code: ErrorCode, error: E): E & { code: ErrorCode } {
  own.add(error);
  return Object.assign(error, { code });
}

/**
 * Makes an error of this library say which request it is about, and which line of the caller.
 *
 * @internal
 */
export function about(error: unknown, line: string, caller: Caller): unknown {
  if (!own.has(error as WeakKey)) return error;
  const known = error as Error;
  if (!known.message.includes(line)) known.message = `${known.message} (in the response to ${line})`;
  return caller.blame(known);
}

/** An error that becomes the `cause` of one with frames: its own would be shown once more. @internal */
export function withoutFrames(cause: unknown): unknown {
  const error = cause as Error;
  return Object.assign(error, { stack: `${error.name}: ${error.message}` });
}

/** A response where there is one already. @internal */
export function alreadyAnswered(request: unknown, how: string): Error {
  return withCode("ERR_ALREADY_ANSWERED", new Error(`${String(request)} cannot be answered: ${how}`));
}

/** A header line that cannot be sent or kept. @internal */
export function invalidHeader(problem: string, cause?: unknown): TypeError {
  return withCode("ERR_INVALID_HEADER", new TypeError(problem, cause === undefined ? {} : { cause }));
}

/** A system error as Node gives it, made anew: in a test runner's sandbox Node's own is not `instanceof Error`. @internal */
export function systemError(cause: NodeJS.ErrnoException, hint = ""): Error {
  const { code, errno, syscall } = cause;
  const { address, port } = cause as { address?: string; port?: number };
  return Object.assign(new Error(cause.message + hint, { cause }), { code, errno, syscall, address, port });
}

/** How much of a text an error shows, in characters. */
const SHOWN = 100;

/** A text as an error shows it: its start, where it is long. @internal */
export function shortened(text: string, longest = SHOWN): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

/** A value as an error message shows it, so that the string `"200"` and the number `200` look different. Never throws. @internal */
export function shown(value: unknown): string {
  if (typeof value === "string") {
    const start = JSON.stringify(value.slice(0, SHOWN));
    return value.length > SHOWN ? `${start}… (${value.length} characters)` : start;
  }
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  try {
    const kind = Object.prototype.toString.call(value).slice("[object ".length, -1);
    return `${/^[AEIOU]/.test(kind) ? "an" : "a"} ${kind === "Object" ? "object" : kind}`;
  } catch {
    // A revoked Proxy has no kind.
    return "an object";
  }
}

/** The line of code that called the library, unformatted until an error needs it: a call that succeeds costs little. @internal */
export class Caller {
  readonly #place: { readonly stack?: unknown } = {};

  /** @param entry the public function that was called: frames up to it are the library's own, and left out */
  constructor(entry: (...given: never[]) => unknown) {
    try {
      Error.captureStackTrace(this.#place, entry);
    } catch {
      // An error without frames is better than none.
    }
  }

  /** Makes the caller's line the first frame of an error, so that a test runner shows the code at fault. */
  blame<E extends Error>(error: E): E {
    let frames = "";
    try {
      // Reading it runs `Error.prepareStackTrace`, which is anybody's code.
      const { stack } = this.#place;
      const start = typeof stack === "string" ? stack.indexOf("\n    at ") : -1;
      if (start >= 0) frames = (stack as string).slice(start);
    } catch {
      // The same.
    }
    // Not defined but set: to define it would format the stack that it replaces.
    error.stack = `${error.name}: ${error.message}${frames}`;
    return error;
  }
}
