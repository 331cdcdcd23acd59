import { settled, type Exchange } from "../wire/exchange";
import type { Request } from "../request";

/**
 * Is given a request, and answers it now or later.
 *
 * What it returns is looked at for one thing only: a promise that is rejected is the callback's failure.
 */
export type RequestCallback = (request: Request) => unknown;

/** Runs callbacks so that an error in one is neither lost nor anybody else's. @internal */
export class Callbacks {
  readonly #onError: ((error: unknown, request: Request) => unknown) | undefined;

  constructor(onError: ((error: unknown, request: Request) => unknown) | undefined) {
    this.#onError = onError;
  }

  /**
   * Hands a request to a callback; neither throws nor waits.
   *
   * @param tell is given the error of a callback where there is no `onError`, or where that one fails
   */
  run(callback: RequestCallback, exchange: Exchange, tell: (error: unknown, request: Request) => void): void {
    const request = exchange.accept();
    const failed = (error: unknown): void => {
      exchange.fail();
      if (exchange.isDeparture(error)) return;
      if (this.#onError === undefined) return tell(error, request);
      attempt(() => this.#onError!(error, request), (second) => tell(second, request));
    };
    attempt(() => callback(request), failed);
  }
}

/** Calls a function and reports its error, whether it is thrown now or rejected later. */
function attempt(call: () => unknown, failed: (error: unknown) => void): void {
  try {
    const result = call() as Partial<PromiseLike<unknown>> | undefined | null;
    // The promise of an answer that left at once is no news.
    if (result !== settled && typeof result?.then === "function") result.then(undefined, failed);
  } catch (error) {
    failed(error);
  }
}
