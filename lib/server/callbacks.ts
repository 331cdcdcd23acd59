import { shortened } from "../errors";
import { settled, type Exchange } from "../wire/exchange";
import { isResponse } from "../http/fetch-response";
import { codeToString } from "../http/status";
import { util } from "../node";
import { requestOf, type Request, type RequestCallback } from "../request";

/** Is told of the error of a handler. */
export type Report = (error: unknown, exchange: Exchange) => void;

/** Runs handlers. An error of one is reported once, to the right place, and harms no other. */
export class Callbacks {
  readonly #onError: ((error: unknown, request: Request) => unknown) | undefined;
  /** What each failed request has failed with already. */
  readonly #told = new WeakMap<Exchange, unknown>();

  constructor(onError: ((error: unknown, request: Request) => unknown) | undefined) {
    this.#onError = onError;
  }

  /** Shows on stderr an error that came to `tell`: the handler's, or that of the `onError` which was told of it. Never throws. */
  print(error: unknown, line: string, why = ""): void {
    const culprit = this.#onError === undefined ? "the handler" : "onError";
    try {
      process.stderr.write(`asynchttpserver: ${culprit} failed for ${line}${why}\n${inspected(error)}\n`, notWritten);
    } catch {
      // Nobody reads it.
    }
  }

  /**
   * What an exchange reports its failure to: it ends the exchange, and tells of the same error once only.
   *
   * @param tell is given the error where there is no `onError`, or where that one fails
   */
  reportTo(tell: Report): Report {
    return (error, exchange) => {
      exchange.fail();
      if (isClientsDoing(exchange, error)) return;
      if (this.#told.has(exchange) && this.#told.get(exchange) === error) return;
      this.#told.set(exchange, error);
      if (this.#onError === undefined) return tell(error, exchange);
      const failed = (second: unknown): void => tell(second, exchange);
      try {
        follow(this.#onError(error, requestOf(exchange)), failed);
      } catch (second) {
        failed(second);
      }
    };
  }

  /** Hands a request to a handler; neither throws nor waits. */
  run(callback: RequestCallback, exchange: Exchange, report: Report): void {
    exchange.accept();
    exchange.report = report;
    exchange.run(runHandler, callback);
  }
}

/** Calls a handler, whose failure is met in its own asynchronous context, too. */
function runHandler(exchange: Exchange, callback: RequestCallback): void {
  try {
    const result = callback(requestOf(exchange));
    // The promise of a response that left at once cannot fail.
    if (result !== settled) follow(result, (error) => exchange.report(error, exchange));
  } catch (error) {
    exchange.report(error, exchange);
  }
}

/** Does this error only pass on what the client did? It may be anything, so asking may fail. */
function isClientsDoing(exchange: Exchange, error: unknown): boolean {
  try {
    return exchange.isClientsDoing(error);
  } catch {
    return false;
  }
}

/** Reports the rejection of what a handler has returned, if that is a promise. */
function follow(result: unknown, failed: (error: unknown) => void): void {
  if (typeof (result as Partial<PromiseLike<unknown>> | null | undefined)?.then !== "function") return;
  // By way of a real promise: a thenable may call back twice, throw, or be fulfilled with one that is rejected.
  Promise.resolve(result).then(undefined, failed);
}

/** How many errors are kept for `close()`; of those beyond it only the number is known. */
const KEPT = 100;
/** How many requests the error of several names. */
const NAMED = 5;

/** A handler's error, and the request that it was given. */
interface CallbackError {
  readonly error: unknown;
  readonly line: string;
}

/** Errors of handlers that were reported nowhere yet. Each leaves once. */
export class CallbackErrors {
  #kept: CallbackError[] = [];
  #beyond = 0;

  keep(error: unknown, line = ""): void {
    if (this.#kept.length < KEPT) this.#kept.push({ error, line });
    else this.#beyond++;
  }

  get length(): number {
    return this.#kept.length;
  }

  /** Those that are kept, oldest first. */
  get kept(): readonly CallbackError[] {
    return this.#kept;
  }

  /** The oldest one, for the loop that asks next. */
  takeFirst(): unknown {
    return this.#kept.shift()?.error;
  }

  /** Throws what is left: one error itself, several together. */
  throwAll(): void {
    const kept = this.#kept;
    const errors = kept.map(({ error }) => error);
    const beyond = this.#beyond;
    this.#kept = [];
    this.#beyond = 0;
    if (errors.length + beyond === 0) return;
    if (errors.length === 1 && beyond === 0) throw errors[0];
    const lines = [...new Set(kept.map(({ line }) => line))];
    const named = lines.length === 0 ? "" : `: ${lines.slice(0, NAMED).join(", ")}${lines.length > NAMED ? ", …" : ""}`;
    const more = beyond === 0 ? "" : `, ${errors.length} of them here`;
    const error = new AggregateError(errors, `${errors.length + beyond} errors in handlers${more}${named}`);
    // The lines that count are in the errors.
    error.stack = `${error.name}: ${error.message}`;
    throw error;
  }
}

/** How long a summary may be, in characters. */
const LONGEST = 200;

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
  return shortened(text.replace(/\s+/g, " ").trim(), LONGEST);
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

/** Where the reader of stderr has gone, as with `2>&1 | tee`, its stream emits an error next, which would end the process. */
function notWritten(error?: Error | null): void {
  if (error && !process.stderr.listeners("error").includes(ignore)) process.stderr.once("error", ignore);
}

function ignore(): void {}
