import type { Exchange } from "../wire/exchange";
import { Fifo, type Linked } from "../fifo";

/** Somebody who waits for one request. */
export interface Waiter extends Linked<Waiter> {
  /** Is it called in a loop with a callback, so that it can be told of a callback's error? */
  readonly loop: boolean;
  take(exchange: Exchange): void;
  fail(reason: unknown): void;
}

/** Where requests meet those who accept them: both first come, first served. */
export class AcceptQueue {
  readonly #ready = new Fifo<Exchange>();
  readonly #waiting = new Fifo<Waiter>();
  /** Requests whose bodies are not read, because nobody waits. */
  readonly #unread = new Set<Exchange>();
  #server: ((exchange: Exchange) => void) | undefined;

  /** A complete request: whoever waits longest gets it, else it is queued. */
  offer(exchange: Exchange): void {
    if (this.#unread.size > 0) this.#unread.delete(exchange);
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) waiter.take(exchange);
    else if (this.#server !== undefined) this.#server(exchange);
    else this.#ready.push(exchange);
  }

  /** Does anybody wait? If not, the exchange is told to `read` as soon as somebody does. */
  wants(exchange: Exchange): boolean {
    if (this.#waiting.length > 0 || this.#server !== undefined) return true;
    this.#unread.add(exchange);
    return false;
  }

  withdraw(exchange: Exchange): void {
    this.#unread.delete(exchange);
    this.#ready.remove(exchange);
  }

  /** The longest queued request, if there is one. */
  take(): Exchange | undefined {
    return this.#ready.shift();
  }

  /** Waits for the next request; only where `take` found none. */
  wait(waiter: Waiter): void {
    this.#waiting.push(waiter);
    this.#readAll();
  }

  /** The wait is over without a request, which goes to somebody else. */
  leave(waiter: Waiter): void {
    this.#waiting.remove(waiter);
  }

  /** Hands every request to one function, now and from now on; `undefined` ends that. */
  serve(server: ((exchange: Exchange) => void) | undefined): void {
    this.#server = server;
    if (server === undefined) return;
    for (let exchange = this.take(); exchange !== undefined; exchange = this.take()) server(exchange);
    this.#readAll();
  }

  /** Tells the longest waiting loop; `false` if none waits. */
  failLoop(reason: unknown): boolean {
    for (const waiter of this.#waiting) {
      if (!waiter.loop) continue;
      this.#waiting.remove(waiter);
      waiter.fail(reason);
      return true;
    }
    return false;
  }

  /** Rejects everybody who waits. */
  failAll(reason: () => unknown): void {
    for (let waiter = this.#waiting.shift(); waiter !== undefined; waiter = this.#waiting.shift()) {
      waiter.fail(reason());
    }
  }

  #readAll(): void {
    if (this.#unread.size === 0) return;
    const unread = [...this.#unread];
    this.#unread.clear();
    for (const exchange of unread) exchange.read();
  }
}
