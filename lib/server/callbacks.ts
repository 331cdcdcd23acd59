import { settled, type Exchange } from "../wire/exchange";
import { requestOf, type Request } from "../request";

/**
 * Is given a request, and answers it now or later.
 *
 * What it returns is looked at for one thing only: a promise that is rejected is the callback's failure.
 */
export type RequestCallback = (request: Request) => unknown;

/** Is told of the error of a callback. */
export type Report = (error: unknown, exchange: Exchange) => void;

/** Runs callbacks so that an error in one is neither lost, nor told twice, nor anybody else's. */
export class Callbacks {
  readonly #onError: ((error: unknown, request: Request) => unknown) | undefined;
  readonly #pulled: Report;
  /** What each failed request has failed with already. */
  readonly #told = new WeakMap<Exchange, unknown>();

  /** @param pulled is told of what fails for a request that was given to no callback */
  constructor(onError: ((error: unknown, request: Request) => unknown) | undefined, pulled: Report) {
    this.#onError = onError;
    this.#pulled = pulled;
  }

  /**
   * Hands a request to a callback; neither throws nor waits.
   *
   * @param report is told of the error of a callback where there is no `onError`, or where that one fails
   */
  run(callback: RequestCallback, exchange: Exchange, report: Report): void {
    exchange.accept();
    exchange.report = report;
    attempt(() => exchange.run(callback, requestOf(exchange)), (error) => this.fail(exchange, error));
  }

  /** Counts an error as that of the callback that was given the request; the same one once only. */
  fail(exchange: Exchange, error: unknown): void {
    exchange.fail();
    if (isClientsDoing(exchange, error)) return;
    if (this.#told.has(exchange) && this.#told.get(exchange) === error) return;
    this.#told.set(exchange, error);
    const report = exchange.report ?? this.#pulled;
    if (this.#onError === undefined) return report(error, exchange);
    attempt(() => this.#onError!(error, requestOf(exchange)), (second) => report(second, exchange));
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

/** Calls a function and reports its error once, whether it is thrown now or rejected later. */
function attempt(call: () => unknown, failed: (error: unknown) => void): void {
  try {
    const result = call() as Partial<PromiseLike<unknown>> | undefined | null;
    // The promise of a response that left at once is no news.
    if (result === settled || typeof result?.then !== "function") return;
    // By way of a real promise: a thenable may call back twice, throw, or be fulfilled with one that is rejected.
    Promise.resolve(result).then(undefined, failed);
  } catch (error) {
    failed(error);
  }
}
