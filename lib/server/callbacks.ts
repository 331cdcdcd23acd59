import { settled, type Exchange } from "../wire/exchange";
import { requestOf, type Request } from "../request";

/**
 * A handler: it is given a request, and responds now or later.
 *
 * What it returns matters for one thing only: a promise that is rejected is the handler's failure.
 */
export type RequestCallback = (request: Request) => unknown;

/** Is told of the error of a handler. @internal */
export type Report = (error: unknown, exchange: Exchange) => void;

/** Runs callbacks so that an error in one is neither lost, nor told twice, nor anybody else's. @internal */
export class Callbacks {
  readonly #onError: ((error: unknown, request: Request) => unknown) | undefined;
  /** What each failed request has failed with already. */
  readonly #told = new WeakMap<Exchange, unknown>();

  constructor(onError: ((error: unknown, request: Request) => unknown) | undefined) {
    this.#onError = onError;
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

  /** Hands a request to a callback; neither throws nor waits. */
  run(callback: RequestCallback, exchange: Exchange, report: Report): void {
    exchange.accept();
    exchange.report = report;
    exchange.run(runHandler, callback);
  }
}

/** Calls a handler, whose failure is met in its own asynchronous context, too. */
function runHandler(exchange: Exchange, callback: RequestCallback): void {
  const failed = (error: unknown): void => exchange.report!(error, exchange);
  try {
    follow(callback(requestOf(exchange)), failed);
  } catch (error) {
    failed(error);
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
  // The promise of a response that left at once is no news.
  if (result === settled || typeof (result as Partial<PromiseLike<unknown>> | null | undefined)?.then !== "function")
    return;
  // By way of a real promise: a thenable may call back twice, throw, or be fulfilled with one that is rejected.
  Promise.resolve(result).then(undefined, failed);
}
