import type { AcceptQueue, Waiter } from "./accept-queue";
import { type Report, summary } from "./callbacks";
import { Client } from "./client";
import { withCode, type Caller } from "../errors";
import { AsyncContext } from "../wire/async-context";
import type { Exchange } from "../wire/exchange";
import { invalid, type WaitOptions } from "../options";
import { requestOf, type Request } from "../request";
import { clearTimeout, setTimeout } from "../node";

/** How much of `where` and of what a client came to an error shows, in characters. */
const SHOWN = 100;

/** Where a wait stands, for its errors. */
export interface Surroundings {
  readonly queue: AcceptQueue;
  /** The line that called; known where there is a limit to the wait. */
  readonly caller: Caller | undefined;
  /** Is the wait itself a reason for the process to live? */
  readonly keepsAlive: boolean;
  /** Settles when everything has come that was sent before. */
  quiet(): Promise<void>;
  /** Where the server listens. */
  url(): string;
  /** Has a request come before, for others? */
  hasRequest(): boolean;
  /** What has come so far, in lines; was the client called? */
  report(called: boolean): string;
}

/** One call of `acceptRequest` that has to wait: settles once, and then leaves nothing behind. */
export class Wait<T> implements Waiter {
  readonly loop: boolean;
  ended = false;
  queued = false;
  previous: Waiter | undefined = undefined;
  next: Waiter | undefined = undefined;
  /** What the call returns. */
  readonly promise: Promise<T>;
  readonly #use: (exchange: Exchange) => T;
  readonly #instead: (() => T) | undefined;
  #resolve!: (value: T) => void;
  #reject!: (reason: unknown) => void;
  #where: ((request: Request) => boolean) | undefined = undefined;
  /** Where `where` was given, and is asked: it is the caller's, not the client's. */
  #context: AsyncContext | undefined = undefined;
  /** Was a client given? */
  #called = false;
  #around: Surroundings | undefined = undefined;
  #cleanUp: (() => void) | undefined = undefined;

  /**
   * @param use makes what the call gives of its request
   * @param instead is what it gives where it would fail; by default it does fail
   */
  constructor(loop: boolean, use: (exchange: Exchange) => T, instead?: () => T) {
    this.loop = loop;
    this.#use = use;
    this.#instead = instead;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get picky(): boolean {
    return this.#where !== undefined;
  }

  get lasts(): boolean {
    return this.#around === undefined;
  }

  gives(use: unknown): boolean {
    return this.#use === use;
  }

  picks(exchange: Exchange): boolean {
    try {
      const says: unknown = this.#context!.runInAsyncScope(this.#where!, undefined, requestOf(exchange));
      if (typeof (says as PromiseLike<unknown> | undefined)?.then !== "function") return Boolean(says);
      void handled(says as PromiseLike<unknown>);
      this.#end(this.#blamed(invalid(TypeError, "where must return true or false at once, it cannot be async", says)));
    } catch (error) {
      this.#end(error);
    }
    return false;
  }

  take(exchange: Exchange): void {
    this.#settle();
    this.#resolve(this.#use(exchange));
  }

  fail(reason: unknown): void {
    this.#settle();
    if (this.#instead === undefined) this.#reject(reason);
    else this.#resolve(this.#instead());
  }

  closed(how: "closed" | "reset"): void {
    // The end of a server is no reason to end the process of somebody who has forgotten that he waits.
    void handled(this.promise);
    this.fail(this.#blamed(withCode("ERR_SERVER_CLOSED", new Error(`the server was ${how} while this call waited`))));
  }

  /** Waits until the time is over, the signal aborted or the client done, or what is queued fits. */
  limit({ timeout, signal, where, while: client }: WaitOptions, around: Surroundings): void {
    this.#where = where;
    if (where !== undefined) this.#context = new AsyncContext("ACCEPTREQUEST");
    this.#around = around;
    this.#called = client !== undefined;
    around.queue.wait(this);
    if (this.ended) return;
    const aborted = (): void => this.#end(signal!.reason);
    // By `where`, which was asked about what is queued.
    if (signal?.aborted === true) return aborted();
    const timer =
      timeout === undefined || timeout === Infinity
        ? undefined
        : setTimeout(() => this.#end(this.#timeoutError(timeout)), timeout);
    if (!around.keepsAlive) timer?.unref();
    signal?.addEventListener("abort", aborted);
    const unfollow = client && Client.of(client).follow((outcome) => void this.#clientDone(outcome));
    this.#cleanUp = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
      unfollow?.();
    };
  }

  #settle(): void {
    this.ended = true;
    this.#cleanUp?.();
  }

  #end(reason: unknown): void {
    this.#around!.queue.leave(this);
    this.fail(reason);
  }

  /** The client is done: it may have sent its request in the same turn, so what has come is looked at first. */
  async #clientDone(outcome: PromiseSettledResult<unknown>): Promise<void> {
    await this.#around!.quiet();
    if (this.ended) return;
    this.#end(outcome.status === "fulfilled" ? this.#finishedError(outcome.value) : this.#failedError(outcome.reason));
  }

  #timeoutError(timeout: number): Error {
    const problem = `no ${this.#kind()} arrived within ${timeout} ms at ${this.#around!.url()}`;
    const error = new Error(this.#withReport(problem));
    // Not assigned: where `Error.prototype` is frozen, that would throw.
    Object.defineProperty(error, "name", { value: "TimeoutError", configurable: true, writable: true });
    return this.#blamed(withCode("ERR_ACCEPT_TIMEOUT", error));
  }

  #finishedError(value: unknown): Error {
    const problem = `the client was done before a ${this.#kind()} arrived at ${this.#around!.url()}`;
    const outcome =
      value === undefined ? "its promise was fulfilled" : `its promise was fulfilled with ${summary(value)}`;
    return this.#blamed(withCode("ERR_CLIENT_FINISHED", new Error(this.#withReport(`${problem}: ${outcome}`))));
  }

  #failedError(cause: unknown): Error {
    const problem = `the client failed before a ${this.#kind()} arrived at ${this.#around!.url()}`;
    const error = new Error(this.#withReport(`${problem}: ${summary(cause)}`), { cause });
    return this.#blamed(withCode("ERR_CLIENT_FINISHED", error));
  }

  #withReport(problem: string): string {
    return `${problem}\n${this.#around!.report(this.#called)}`;
  }

  #blamed<E extends Error>(error: E): E {
    return this.#around?.caller?.blame(error) ?? error;
  }

  /** For what kind of request it was, as far as that can be said in a few words. */
  #kind(): string {
    if (this.#where === undefined) return this.#around!.hasRequest() ? "further request" : "request";
    const source = Function.prototype.toString.call(this.#where).replace(/\s+/g, " ");
    // What a coverage tool has made of it tells nobody anything.
    return source.length > SHOWN || source.includes("cov_")
      ? "request that fits `where`"
      : `request that fits where: ${source}`;
  }
}

/** Makes a promise count as handled: its rejection is nobody's surprise. What is no real promise becomes one. */
export function handled<T>(given: PromiseLike<T>): Promise<T> {
  const promise = Promise.resolve(given);
  promise.then(undefined, ignore);
  return promise;
}

/** Hands a request to a caller, who is told of its failures by `report`. */
export function accept(exchange: Exchange, report: Report): Request {
  exchange.accept();
  exchange.report = report;
  return requestOf(exchange);
}

/** The last step of `for await`. */
export function endOfIteration(): IteratorResult<Request> {
  return { done: true, value: undefined };
}

function ignore(): void {}
