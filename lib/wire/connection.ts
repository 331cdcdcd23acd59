import type { Socket } from "node:net";
import type { Exchange, Line } from "./exchange";
import { codeToString } from "../http/status";
import { errorAnswer } from "./response-head";
import { afterLook, clearTimeout, setTimeout } from "../timers";
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
  /** What came was refused before it was a request; `packet` are its latest bytes, if they are known. */
  refused(status: number, packet: unknown): void;
  /** Gives a socket that Node has let go of back to Node's server. */
  attach(socket: Socket): void;
  /** Milliseconds for which a client may leave an answer lying. */
  sendTimeout(): number;
}

/** How long a refused client may go on sending, in milliseconds, so that it gets to read why. */
const LINGER_TIME = 30_000;
/** How many bytes it may go on sending. */
const LINGER_BYTES = 256 * 1024 * 1024;
/** How long a client that goes on sending has for its last answer when the server closes, in milliseconds. */
export const FAREWELL = 20;
/** Bytes that are with the client as soon as they are sent; what is more may wait for it to read on. */
const IN_FLIGHT = 16_384;
/** Nim's words to a client that shuts its sending side too early. */
const BODY_ENDS_EARLY = "Bad Request. Content-Length does not match actual.";
const CHUNKS_END_EARLY = "Bad Request. Encoding separator must be \\r\\n";

/**
 * One client connection: its requests in order, one at a time.
 *
 * A request is offered when the one before it is answered. Whatever refuses a request waits for its turn too: earlier
 * answers, one error answer, then the end (RFC 9112 9.3.2).
 */
export class Connection implements Line {
  readonly socket: Socket;
  /** Read when the first request comes: an idle connection does without, one that has gone could not tell any more. */
  hostname = "";
  readonly #acceptor: Acceptor;
  #current: Exchange | undefined = undefined;
  /** Those behind it; few connections ever have any. */
  #line: Exchange[] | undefined = undefined;
  /** The status that ends the connection once all before it are answered, or 0. */
  #failure = 0;
  /** Nothing that still comes in is a request. */
  #closing = false;
  /** While the socket is not read, what pauses it anew. */
  #held: (() => void) | undefined = undefined;
  #lingersFrom = -1;
  /** The header lines of an upgrade request that is read once more. */
  #replayed: string[] | undefined = undefined;
  /** A callback has the socket. */
  #taken = false;
  /** Is the end of the client's sending side listened for? */
  #watched = false;

  constructor(socket: Socket, acceptor: Acceptor) {
    this.socket = socket;
    this.#acceptor = acceptor;
  }

  /** The exchanges that are not finished, the first of them being the one whose turn it is. */
  get exchanges(): readonly Exchange[] {
    const line = this.#line ?? [];
    return this.#current === undefined ? line : [this.#current, ...line];
  }

  /** Takes the next request of this connection. */
  receive(exchange: Exchange, close: boolean): void {
    if (this.hostname === "") this.hostname = addressOf(this.socket);
    if (this.#replayed !== undefined) {
      exchange.raw.rawHeaders = this.#replayed;
      this.#replayed = undefined;
    }
    // RFC 9112 9.6: what follows a request with `close` is not processed; nor is what follows a refused one (11.2).
    if (this.#closing) {
      exchange.refusal = 400;
      return this.#hold();
    }
    this.#closing = close || exchange.refusal !== 0;
    if (this.#current === undefined) return this.#admit(exchange);
    (this.#line ??= []).push(exchange);
    this.#hold();
  }

  /** Takes an upgrade request or CONNECT, from which on Node no longer reads the socket. */
  receiveUpgrade(exchange: Exchange, bytesBehind: Buffer, close: boolean): void {
    exchange.upgrades = true;
    // Node has removed its own listener; without any, a reset would end the process.
    this.socket.on("error", ignore);
    // Back where they came from: as long as they are unread, the socket does not end, and nothing behind it is lost.
    if (bytesBehind.length > 0) this.socket.unshift(bytesBehind);
    this.receive(exchange, close);
  }

  /**
   * The parser gave up, or a timeout ran out.
   *
   * @param atEnd because the client shut its sending side
   * @param packet the bytes that the parser met, if it was the parser
   */
  fail(status: number, atEnd: boolean, packet?: unknown): void {
    if (this.socket.destroyed || !this.socket.writable) {
      if (this.#lingersFrom === -1) this.socket.destroy();
      else this.discard();
      return;
    }
    const last = this.#line?.at(-1) ?? this.#current;
    // A client that is held back is not slow.
    if (status === 408 && (this.#held !== undefined || last?.heldBack === true)) return;
    if (last !== undefined && !last.complete && last.refusal === 0) {
      last.refusal = status;
      if (atEnd) last.refusalText = last.progress.announced === -1 ? CHUNKS_END_EARLY : BODY_ENDS_EARLY;
      this.#closing = true;
      if (last === this.#current) this.#refuse(status, last);
    } else if (!this.#closing) {
      this.#closing = true;
      this.#failure = status;
      this.#acceptor.refused(status, packet);
      if (this.#current === undefined) this.#refuse(status);
    }
  }

  mayRead(exchange: Exchange): boolean {
    return exchange === this.#current && this.#acceptor.wants(exchange);
  }

  requestComplete(exchange: Exchange): void {
    if (exchange === this.#current) this.#offer(exchange);
  }

  watchEnd(): void {
    if (this.#watched) return;
    this.#watched = true;
    this.socket.on("end", () => this.#halfClosed());
  }

  bodyTooLong(exchange: Exchange): void {
    this.#closing = true;
    if (exchange === this.#current) this.#refuse(exchange.refusal, exchange);
  }

  discard(): void {
    if (this.#lingersFrom !== -1 && this.socket.bytesRead - this.#lingersFrom > LINGER_BYTES) this.socket.destroy();
  }

  sendsSlowly(): void {
    this.socket.setTimeout(this.#acceptor.sendTimeout());
  }

  answerFinished(exchange: Exchange): void {
    if (exchange !== this.#current || this.socket.destroyed) return;
    this.#current = undefined;
    this.#acceptor.finished(exchange);
    if (exchange.upgrades) return this.#afterUpgrade(exchange);
    // That was the last answer, by the caller's own header or because nothing else tells where it ends: nothing more is run.
    if (exchange.closes || !this.socket.writable) return this.#linger();
    const next = this.#line?.shift();
    if (this.#line?.length === 0) this.#line = undefined;
    if (next !== undefined) this.#admit(next);
    else if (this.#failure !== 0) this.#refuse(this.#failure);
    if (this.#line === undefined && this.#release()) this.socket.resume();
  }

  /**
   * The socket was silent for as long as `keepAliveTimeout` says, or the send timeout where an answer is on its way.
   *
   * That ends an idle connection and one whose client does not take its answer; whoever waits for an answer may wait on.
   */
  silent(): void {
    const waiting = this.#current !== undefined && this.socket.writableLength === 0;
    if (!waiting) this.socket.destroy();
  }

  /** The server stops gently: what has arrived is answered still, and the answer says that it is the last. */
  finish(): void {
    const last = this.#line?.at(-1) ?? this.#current;
    // A head that is out has said that the connection stays; then it is the next answer that ends it.
    if (last === undefined || last.status !== 0) return;
    this.#closing = true;
    last.response.shouldKeepAlive = false;
  }

  /** Is there nothing to answer, and no callback that has the socket? */
  get idle(): boolean {
    if (this.#taken || this.#lingersFrom !== -1 || this.socket.writableLength > 0) return false;
    // The system may have the whole answer, only Node does not know it yet.
    return this.#current === undefined || (this.#current.answered && this.#line === undefined);
  }

  /**
   * The server closes: what the system has is delivered, all else is cut.
   *
   * @param farewell the response to a request that has none, before its connection ends
   */
  close(farewell?: { readonly status: number; readonly text: string }): void {
    this.#closing = true;
    if (this.idle) return this.#farewell();
    const current = this.#current;
    const unanswered = current !== undefined && current.status === 0 && current.refusal === 0 && !current.takenOver;
    if (farewell !== undefined && unanswered && this.socket.writable) {
      this.socket.end(errorAnswer(farewell.status, farewell.text, current.raw.method === "HEAD"), "latin1");
      this.closed();
      return this.#linger(FAREWELL);
    }
    if (this.#current?.begun === true) this.#current.cut();
    else this.socket.destroy();
    this.closed();
  }

  /** The socket is closed. */
  closed(): void {
    for (const exchange of this.exchanges) {
      this.#acceptor.withdraw(exchange);
      exchange.leave();
      this.#acceptor.finished(exchange);
    }
    this.#current = undefined;
    this.#line = undefined;
  }

  #admit(exchange: Exchange): void {
    this.#current = exchange;
    if (exchange.refusal !== 0) return this.#refuse(exchange.refusal, exchange);
    if (exchange.upgrades) {
      this.#letGo();
      if (!exchange.complete) return this.#replay(exchange);
      exchange.response.assignSocket(this.socket);
    }
    if (exchange.complete) this.#offer(exchange);
    // Without `Expect`, the first bytes of a body are taken unasked.
    else if (!exchange.expectsContinue || this.#acceptor.wants(exchange)) exchange.read();
  }

  #offer(exchange: Exchange): void {
    this.#acceptor.offer(exchange);
    if (exchange.queued) this.watchEnd();
  }

  /** The client shut its sending side. */
  #halfClosed(): void {
    const current = this.#current;
    if (current === undefined) return;
    // Nobody has accepted the request, and a client that shut its side is taken to be going.
    if (current.queued) this.socket.destroy();
    else current.halfClosed();
  }

  /** The callback answered an upgrade request: either the socket is its own now, or all goes on as if nothing was asked. */
  #afterUpgrade(exchange: Exchange): void {
    this.#taken = exchange.switched;
    // The timeouts of HTTP are not those of what comes now.
    if (this.#taken) return void this.socket.setTimeout(0);
    exchange.response.detachSocket(this.socket);
    const over = this.#closing || exchange.closes || this.socket.readableEnded;
    if (over) return this.socket.destroySoon();
    exchange.returnBytesBehind();
    this.#readOn();
  }

  /** Reads an upgrade request that has a body as the ordinary request which it is, too. */
  #replay(exchange: Exchange): void {
    // The body never came.
    if (this.socket.readableEnded) return this.#refuse(400, exchange);
    this.#current = undefined;
    this.#closing = false;
    this.#replayed = exchange.raw.rawHeaders;
    this.socket.unshift(withoutUpgrade(exchange.raw));
    this.#readOn();
  }

  /** Leaves the socket as Node does at an upgrade: neither paused nor flowing, and whoever listens gets the data. */
  #letGo(): void {
    if (this.#release()) Object.assign(this.socket, { readableFlowing: null });
  }

  #readOn(): void {
    this.socket.removeListener("error", ignore);
    this.#acceptor.attach(this.socket);
  }

  /** Answers with an error, after which there is nothing more to say. */
  #refuse(status: number, exchange?: Exchange): void {
    if (exchange !== undefined) this.#acceptor.withdraw(exchange);
    if (exchange !== undefined) exchange.status = status;
    const text = exchange?.refusalText ?? codeToString(status);
    this.socket.end(errorAnswer(status, text, exchange?.raw.method === "HEAD"), "latin1");
    this.#linger();
  }

  /** Ends an idle connection: as soon as all that has come was read, unless the client is just sending something. */
  #farewell(): void {
    const { bytesRead, bytesWritten } = this.socket;
    if (bytesWritten < IN_FLIGHT) return this.socket.destroySoon();
    this.socket.end();
    const leave = (): void => {
      if (this.socket.bytesRead === bytesRead) this.socket.destroy();
      else this.#linger(FAREWELL);
    };
    this.socket.once("finish", () => void afterLook().then(leave));
  }

  /**
   * Lets the client finish sending, so that it reads its answer: closing at once would reset the connection under its
   * hands (RFC 9112 9.6).
   */
  #linger(time = LINGER_TIME): void {
    this.#closing = true;
    this.#line = undefined;
    this.#lingersFrom = this.socket.bytesRead;
    // Past the parser, which would make a request of everything that can be read as one.
    const readPast = (): unknown => this.socket.removeAllListeners("data").on("data", () => this.discard());
    // A socket that was held back is started by Node, which has to hear of it first.
    if (this.#release()) this.socket.once("resume", readPast);
    else readPast();
    this.socket.resume();
    const timer = setTimeout(() => this.socket.destroy(), time).unref();
    this.socket.once("close", () => clearTimeout(timer));
  }

  /** Stops reading while requests wait behind an unanswered one: TCP holds the client back. */
  #hold(): void {
    if (this.#held !== undefined) return;
    // Node reads on at the end of each message and when an answer drains, so this has to be said each time.
    this.#held = () => this.socket.pause();
    this.socket.on("resume", this.#held);
    this.socket.pause();
  }

  #release(): boolean {
    if (this.#held === undefined) return false;
    this.socket.removeListener("resume", this.#held);
    this.#held = undefined;
    return true;
  }
}

/** The client's address; an IPv4 client of a dual-stack socket as IPv4 (RFC 4291 2.5.5.2). */
function addressOf(socket: Socket): string {
  const address = socket.remoteAddress ?? "";
  return address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
}

function ignore(): void {}
