import type { Socket } from "node:net";
import type { Exchange, Line } from "./exchange";
import { errorAnswer } from "./reply";
import { clearTimeout, setTimeout } from "./timers";
import { withoutUpgrade } from "./upgrade";

/** What the connections of a server ask of it. */
export interface Acceptor {
  /** A whole request: somebody gets it now, or it is queued. */
  offer(exchange: Exchange): void;
  /** Does anybody wait for a request? If not, the exchange is told to `read` when somebody does. */
  wants(exchange: Exchange): boolean;
  /** The client is gone; nobody shall get this request. */
  withdraw(exchange: Exchange): void;
  /** The exchange is over, answered or not. */
  finished(exchange: Exchange): void;
}

/** How long a refused client may go on sending, in milliseconds, so that it gets to read why. */
const LINGER_TIME = 30_000;
/** How many bytes it may go on sending. */
const LINGER_BYTES = 256 * 1024 * 1024;

/**
 * One client connection: its requests in order, one at a time.
 *
 * A request is offered when the one before it is answered. Whatever refuses a request waits for its turn too: earlier
 * answers, one error answer, then the end (RFC 9112 9.3.2).
 */
export class Connection implements Line {
  readonly socket: Socket;
  readonly hostname: string;
  readonly #acceptor: Acceptor;
  /** Gives the socket, which Node has let go of, back to Node's server. */
  readonly #attach: () => void;
  #current: Exchange | undefined = undefined;
  readonly #line: Exchange[] = [];
  /** The status that ends the connection once all before it are answered, or 0. */
  #failure = 0;
  /** Nothing that still comes in is a request. */
  #closing = false;
  #held = false;
  #lingersFrom = -1;
  /** The header lines of an upgrade request that is read once more. */
  #replayed: string[] | undefined = undefined;
  /** A callback has the socket. */
  #taken = false;

  constructor(socket: Socket, acceptor: Acceptor, attach: () => void) {
    this.socket = socket;
    this.#acceptor = acceptor;
    this.#attach = attach;
    const address = socket.remoteAddress ?? "";
    // An IPv4 client of a dual-stack socket, RFC 4291 2.5.5.2.
    this.hostname = address.startsWith("::ffff:") ? address.slice(7) : address;
    socket.once("close", () => this.#closed());
    socket.on("end", () => this.#halfClosed());
  }

  /** The exchanges that are not finished, the first of them being the one whose turn it is. */
  get exchanges(): readonly Exchange[] {
    return this.#current === undefined ? this.#line : [this.#current, ...this.#line];
  }

  /** Takes the next request of this connection. */
  receive(exchange: Exchange, close: boolean): void {
    if (this.#replayed !== undefined) {
      exchange.raw.rawHeaders = this.#replayed;
      this.#replayed = undefined;
    }
    // RFC 9112 9.6: what follows a request with `close` is not processed; nor is what follows a refused one (11.2).
    if (this.#closing) {
      this.#discard();
      exchange.refusal = 400;
      return;
    }
    this.#closing = close || exchange.refusal !== 0;
    if (this.#current === undefined) return this.#admit(exchange);
    this.#line.push(exchange);
    this.#hold();
  }

  /** Takes an upgrade request or CONNECT, from which on Node no longer reads the socket. */
  receiveUpgrade(exchange: Exchange, close: boolean): void {
    // Node has removed its own listener; without any, a reset would end the process.
    this.socket.on("error", ignore);
    this.receive(exchange, close);
  }

  /** The parser gave up, or a timeout ran out. */
  fail(status: number): void {
    if (this.socket.destroyed || !this.socket.writable) {
      if (this.#lingersFrom === -1) this.socket.destroy();
      else this.#discard();
      return;
    }
    const last = this.#line.at(-1) ?? this.#current;
    if (last !== undefined && !last.complete && last.refusal === 0) {
      last.refusal = status;
      this.#closing = true;
      if (last === this.#current) this.#refuse(status, last);
    } else if (!this.#closing) {
      this.#closing = true;
      this.#failure = status;
      if (this.#current === undefined) this.#refuse(status);
    }
  }

  mayRead(exchange: Exchange): boolean {
    return exchange === this.#current && this.#acceptor.wants(exchange);
  }

  requestComplete(exchange: Exchange): void {
    if (exchange === this.#current) this.#acceptor.offer(exchange);
  }

  bodyTooLong(exchange: Exchange): void {
    this.#closing = true;
    if (exchange === this.#current) this.#refuse(exchange.refusal, exchange);
  }

  answerFinished(exchange: Exchange): void {
    if (exchange !== this.#current || this.socket.destroyed) return;
    this.#current = undefined;
    this.#acceptor.finished(exchange);
    if (exchange.upgradeHead !== undefined) return this.#afterUpgrade(exchange, exchange.upgradeHead);
    const next = this.#line.shift();
    if (next !== undefined) this.#admit(next);
    else if (this.#failure !== 0) this.#refuse(this.#failure);
    if (this.#held && this.#line.length === 0) {
      this.#held = false;
      this.socket.resume();
    }
  }

  /**
   * The socket was silent for as long as `server.timeout` or `keepAliveTimeout` says.
   *
   * That ends an idle connection and one whose client does not take its answer; whoever waits for an answer may wait on.
   */
  silent(): void {
    const waiting = this.#current !== undefined && !this.#current.answered && this.socket.writableLength === 0;
    if (!waiting) this.socket.destroy();
  }

  /** The server closes: what was answered is delivered, all else is cut. */
  close(): void {
    const idle = this.#current === undefined && this.#lingersFrom === -1 && !this.#taken;
    if (idle) this.socket.destroySoon();
    else this.socket.destroy();
  }

  #admit(exchange: Exchange): void {
    this.#current = exchange;
    if (exchange.refusal !== 0) return this.#refuse(exchange.refusal, exchange);
    if (exchange.upgradeHead !== undefined) {
      if (!exchange.complete) return this.#replay(exchange, exchange.upgradeHead);
      exchange.response.assignSocket(this.socket);
    }
    if (exchange.complete) this.#acceptor.offer(exchange);
    // Without `Expect`, the first bytes of a body are taken unasked.
    else if (!exchange.expectsContinue || this.#acceptor.wants(exchange)) exchange.read();
  }

  /** The callback answered an upgrade request: either the socket is its own now, or all goes on as if nothing was asked. */
  #afterUpgrade(exchange: Exchange, head: Buffer): void {
    this.#taken = exchange.switched;
    if (this.#taken) return;
    exchange.response.detachSocket(this.socket);
    if (this.#closing || exchange.closes) this.socket.destroySoon();
    else this.#readOn(head);
  }

  /** Reads an upgrade request that has a body as the ordinary request which it is, too. */
  #replay(exchange: Exchange, head: Buffer): void {
    this.#current = undefined;
    this.#closing = false;
    this.#replayed = exchange.raw.rawHeaders;
    this.#readOn(Buffer.concat([withoutUpgrade(exchange.raw), head]));
  }

  #readOn(unread: Buffer): void {
    this.socket.removeListener("error", ignore);
    if (unread.length > 0) this.socket.unshift(unread);
    this.#attach();
  }

  /**
   * Answers with an error, ends the sending side, and lets the client finish sending, so that it reads the answer:
   * closing at once would reset the connection under its hands (RFC 9112 9.6).
   */
  #refuse(status: number, exchange?: Exchange): void {
    this.#closing = true;
    this.#line.length = 0;
    if (exchange !== undefined) this.#acceptor.withdraw(exchange);
    this.#lingersFrom = this.socket.bytesRead;
    this.socket.end(errorAnswer(status, exchange?.raw.method === "HEAD"), "latin1");
    this.socket.resume();
    const timer = setTimeout(() => this.socket.destroy(), LINGER_TIME).unref();
    this.socket.once("close", () => clearTimeout(timer));
  }

  #discard(): void {
    if (this.#lingersFrom !== -1 && this.socket.bytesRead - this.#lingersFrom > LINGER_BYTES) this.socket.destroy();
  }

  /** Stops reading while requests wait behind an unanswered one: TCP holds the client back. */
  #hold(): void {
    if (this.#held) return;
    this.#held = true;
    // The parser starts the reading again when the message at hand is complete, so this has to come after it.
    void Promise.resolve().then(() => {
      if (this.#held) this.socket.pause();
    });
  }

  #halfClosed(): void {
    const current = this.#current;
    if (current === undefined) return;
    // Nobody has accepted the request, and a client that shut its side is taken to be going.
    if (current.place !== undefined) this.socket.destroy();
    else current.halfClosed();
  }

  #closed(): void {
    for (const exchange of this.exchanges) {
      this.#acceptor.withdraw(exchange);
      exchange.leave();
      this.#acceptor.finished(exchange);
    }
    this.#current = undefined;
    this.#line.length = 0;
  }
}

function ignore(): void {}
