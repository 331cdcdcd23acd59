import { isResponse } from "../http/fetch-response";
import { codeToString } from "../http/status";
import { util } from "../node";

/** How long a summary may be, in characters. */
const LONGEST = 200;

/** Shows the error of a handler on stderr. Never throws. */
export function printFailure(error: unknown, line: string, why = ""): void {
  try {
    process.stderr.write(`asynchttpserver: the handler failed for ${line}${why}\n${inspected(error)}\n`);
  } catch {
    // Nobody reads it.
  }
}

/** An error in full, with its stack and whatever it carries. Never throws, whatever was thrown. */
function inspected(error: unknown): string {
  try {
    // What Jest's `expect` carries besides says the same once more.
    if (isError(error) && "matcherResult" in error) return error.stack!;
    return util.inspect(error);
  } catch {
    // Reading its stack, message or cause throws, or the formatter of stacks does.
    return summary(error);
  }
}

/** What was thrown, or what a promise was fulfilled with, in one line. Never throws. */
export function summary(value: unknown): string {
  let text = "something that cannot be shown";
  try {
    if (isError(value)) text = errorLine(value);
    else if (isResponse(value)) text = `a response, ${codeToString(value.status)}`;
    else text = util.inspect(value, { depth: 0, breakLength: Infinity });
  } catch {
    // Shown as what it is: that.
  }
  text = text.replace(/\s+/g, " ").trim();
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** In a test runner's sandbox an error of Node's is not `instanceof Error`. */
function isError(value: unknown): value is Error {
  return (
    typeof value === "object" && value !== null && typeof (value as Error).message === "string" && "stack" in value
  );
}

/** `fetch` only says that it failed: the reason is its cause. */
function errorLine(error: Error): string {
  const line = `${error.name}: ${error.message}`;
  const { cause } = error;
  if (!isError(cause)) return line;
  // OpenSSL's message begins with a thread, and names its own source file.
  const { code, message, reason } = cause as NodeJS.ErrnoException & { reason?: unknown };
  return `${line} (${typeof reason === "string" ? reason : message === "" ? String(code) : message})`;
}
