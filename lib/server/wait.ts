import type { AcceptQueue, Waiter } from "./accept-queue";
import { withCode } from "../errors";
import type { Exchange } from "../wire/exchange";
import type { WaitOptions } from "../options";
import { requestOf, type Request } from "../request";
import { clearTimeout, setTimeout } from "../timers";

/** One call of `acceptRequest` that has to wait: settles once, and then leaves nothing behind. */
export class Wait<T> implements Waiter {
  readonly loop: boolean;
  queued = false;
  previous: Waiter | undefined = undefined;
  next: Waiter | undefined = undefined;
  readonly #use: (exchange: Exchange) => T;
  readonly #resolve: (value: T) => void;
  readonly #reject: (reason: unknown) => void;
  #cleanUp: (() => void) | undefined = undefined;

  constructor(
    loop: boolean,
    use: (exchange: Exchange) => T,
    resolve: (value: T) => void,
    reject: (reason: unknown) => void,
  ) {
    this.loop = loop;
    this.#use = use;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  take(exchange: Exchange): void {
    this.#cleanUp?.();
    this.#resolve(this.#use(exchange));
  }

  fail(reason: unknown): void {
    this.#cleanUp?.();
    this.#reject(reason);
  }

  /** Ends the wait, which stands in the queue, when its time is over or its signal aborted. */
  limit(wait: WaitOptions, queue: AcceptQueue, describe: () => string): void {
    const { timeout, signal } = wait;
    const end = (reason: unknown): void => {
      queue.leave(this);
      this.fail(reason);
    };
    const aborted = (): void => end(signal!.reason);
    // The server keeps the process alive, or was told not to; a wait that nobody awaits any more must not.
    const timer =
      timeout === undefined || timeout === Infinity
        ? undefined
        : setTimeout(() => end(timeoutError(timeout, describe())), timeout).unref();
    signal?.addEventListener("abort", aborted);
    this.#cleanUp = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
    };
  }
}

function timeoutError(timeout: number, situation: string): Error {
  const error = new Error(`no request arrived within ${timeout} ms\n${situation}`);
  error.name = "TimeoutError";
  return withCode("ERR_ACCEPT_TIMEOUT", error);
}

/** What the pull form gives. */
export function accept(exchange: Exchange): Request {
  exchange.accept();
  return requestOf(exchange);
}

/** What a step of `for await` gives. */
export function acceptNext(exchange: Exchange): IteratorResult<Request> {
  return { done: false, value: accept(exchange) };
}

/** The last step of `for await`. */
export function over(): IteratorResult<Request> {
  return { done: true, value: undefined };
}
