import type { Exchange } from "../wire/exchange";
import { Fifo, type Linked } from "../fifo";
import { setTimeout } from "../node";

/** Milliseconds until a server that may take no more is asked again. */
const ASK_AGAIN = 50;

/** Somebody who waits for one request. */
export interface Waiter extends Linked<Waiter> {
  /** Is it called in a loop with a callback, so that it can be told of a callback's error? */
  readonly loop: boolean;
  /** Does it wait for a request of one kind only, so that it has to be asked? */
  readonly picky: boolean;
  /** Has it been given its request, or failed? */
  readonly ended: boolean;
  /** Is this request of that kind? A wait that cannot tell fails, and says no. */
  picks(exchange: Exchange): boolean;
  /** Is this what it does with its request? */
  gives(use: unknown): boolean;
  /** Does it go on when the server is reset? */
  readonly lasts: boolean;
  take(exchange: Exchange): void;
  fail(reason: unknown): void;
  /** Fails because of what was done to the server. */
  closed(how: "closed" | "reset"): void;
}

/** Where requests meet those who accept them: both first come, first served. */
export class AcceptQueue {
  readonly #ready = new Fifo<Exchange>();
  readonly #waiting = new Fifo<Waiter>();
  /** Requests whose bodies are not read, because nobody waits. */
  readonly #unread = new Set<Exchange>();
  #handle: ((exchange: Exchange) => void) | undefined;
  #allows: () => boolean = always;
  /** Is it going to be asked again? */
  #asksAgain = false;

  /** A complete request: the longest wait that it fits gets it, then the server, else it is queued. */
  offer(exchange: Exchange): void {
    if (this.#unread.size > 0) this.#unread.delete(exchange);
    const waiter = this.#waiterFor(exchange);
    if (waiter !== undefined) return waiter.take(exchange);
    // By a `where` that was asked about it.
    if (exchange.responseState !== "none") return;
    if (this.#handle !== undefined && this.#ready.length === 0 && this.#mayServe()) return this.#handle(exchange);
    this.#ready.push(exchange);
    if (this.#ready.length > 1) this.#serveReady();
  }

  /** Does anybody wait? If not, the exchange is told to `read` as soon as somebody does. */
  wants(exchange: Exchange): boolean {
    if (this.#waiting.length > 0 || (this.#handle !== undefined && this.#mayServe())) return true;
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

  /** Gives a wait the longest queued request that it fits, or lets it wait for one. */
  wait(waiter: Waiter): void {
    const exchange = waiter.picky ? this.#pickFor(waiter) : this.take();
    if (exchange !== undefined) return waiter.take(exchange);
    if (waiter.ended) return;
    this.#waiting.push(waiter);
    this.#readAll();
  }

  /** The wait is over without a request, which goes to somebody else. */
  leave(waiter: Waiter): void {
    this.#waiting.remove(waiter);
  }

  /**
   * Hands every request that no wait takes to one function, now and from now on; `undefined` ends that.
   *
   * @param allows is asked before each; where it says no, it is asked again in a while
   */
  serve(handle: ((exchange: Exchange) => void) | undefined, allows: () => boolean = always): void {
    this.#handle = handle;
    this.#allows = allows;
    if (this.#serveReady()) this.#readAll();
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

  /** Ends every wait, or only some; `how` says what was done to the server. */
  endAll(how: "closed" | "reset", which: (waiter: Waiter) => boolean = () => true): void {
    for (const waiter of Array.from(this.#waiting)) {
      if (!which(waiter)) continue;
      this.#waiting.remove(waiter);
      waiter.closed(how);
    }
  }

  /** May the server take one more now? */
  #mayServe(): boolean {
    if (this.#allows()) return true;
    if (this.#asksAgain) return false;
    this.#asksAgain = true;
    setTimeout(() => {
      this.#asksAgain = false;
      if (this.#serveReady()) this.#readAll();
    }, ASK_AGAIN);
    return false;
  }

  /** Hands what is queued to the server; `false` where there is none, or it may take no more. */
  #serveReady(): boolean {
    while (this.#handle !== undefined && this.#mayServe()) {
      const exchange = this.take();
      if (exchange === undefined) return true;
      this.#handle(exchange);
    }
    return false;
  }

  /** Takes the longest wait that a request fits out of the queue. */
  #waiterFor(exchange: Exchange): Waiter | undefined {
    // Nearly always the first: a wait that is not picky takes anything.
    if (this.#waiting.first?.picky !== true) return this.#waiting.shift();
    const asked = new Set<Waiter>();
    // What a wait is asked is the user's code, which may end others, and begin some, which are asked then.
    for (let before = -1; before < asked.size;) {
      before = asked.size;
      for (const waiter of Array.from(this.#waiting)) {
        if (asked.has(waiter) || !waiter.queued) continue;
        asked.add(waiter);
        if ((waiter.picky && !waiter.picks(exchange)) || !waiter.queued) continue;
        this.#waiting.remove(waiter);
        return waiter;
      }
    }
    return undefined;
  }

  /** Takes the longest queued request that a wait fits out of the queue. */
  #pickFor(waiter: Waiter): Exchange | undefined {
    for (const exchange of Array.from(this.#ready)) {
      if (waiter.ended) return undefined;
      if (!exchange.queued || !waiter.picks(exchange) || !exchange.queued) continue;
      this.#ready.remove(exchange);
      return exchange;
    }
    return undefined;
  }

  #readAll(): void {
    if (this.#unread.size === 0) return;
    const unread = [...this.#unread];
    this.#unread.clear();
    for (const exchange of unread) exchange.body.read();
  }
}

function always(): boolean {
  return true;
}
