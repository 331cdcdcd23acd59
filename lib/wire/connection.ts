import type { Socket } from "node:net";
import { setImmediate } from "../node";
import { AsyncContext } from "./async-context";
import type { Exchange } from "./exchange";
import { leaveBody } from "./incoming-message";
import { CLOSE_LINGER_TIME, destroyAfter, discardRest, endIdle, endSoon, finishBody } from "./lingering-close";
import { refusalResponse, type Refusal } from "./response-head";
import { endsAsTold, makeLast } from "./server-response";
import { CONNECTION, type ConnectionState } from "./states";
import { BytesBehind, replayWithoutUpgrade } from "./upgrade";

/** The server of a connection, as far as the connection needs it. */
export interface Acceptor {
  /** A request that can be handed out: somebody gets it now, or it is queued. */
  offer(exchange: Exchange): void;
  /** Does anybody wait for a request? If not, the exchange is told to `read` when somebody does. */
  wants(exchange: Exchange): boolean;
  /** The client disconnected, or the request is refused: nobody gets it any more. */
  withdraw(exchange: Exchange): void;
  /** The exchange has finished, with a response or without. */
  finished(exchange: Exchange): void;
  /** The request came behind the last one on its connection: nobody gets it. */
  dropped(exchange: Exchange): void;
  /** What came was refused before it was a request; `packet` are its latest bytes, if they are known. */
  refused(status: number, packet: Buffer | undefined): void;
  /** Gives a socket that Node has let go of back to Node's server. */
  attach(socket: Socket): void;
  /** Milliseconds for which a client may leave a response unread. */
  sendTimeout(): number;
  /** Milliseconds for which nothing of a streamed body may come, or 0. */
  bodyTimeout(): number;
  /** Milliseconds for which a connection may be idle, or 0; `undefined` where Node itself sets that. */
  idleTimeout(): number | undefined;
}

/** Where a socket has its connection. */
const CONNECTION_OF = Symbol("connection");

/** Nim's words to a client that shuts its sending side too early. */
const BODY_ENDS_EARLY = "Bad Request. Content-Length does not match actual.";
const CHUNKS_END_EARLY = "Bad Request. Encoding separator must be \\r\\n";

/**
 * One client connection: its requests in order, one at a time.
 *
 * A request is offered when the one before it has its response. A refusal waits for its turn, too: earlier responses, one
 * error response, then the end (RFC 9112 9.3.2).
 */
export class Connection {
  readonly socket: Socket;
  /** The client's address; read when the first request comes, since a client that has gone has none any more. */
  hostname = "";
  readonly #acceptor: Acceptor;
  #state: ConnectionState = "open";
  #current: Exchange | undefined = undefined;
  /** The requests behind it; few connections ever have any. */
  #pipeline: Exchange[] | undefined = undefined;
  /** The last exchange, whose response came before its body was whole. */
  #finishing: Exchange | undefined = undefined;
  /** What the parser could not read: the connection ends with this, behind the responses before it. */
  #refusal: Refusal | undefined = undefined;
  /** While reading is paused, what pauses it anew. */
  #pause: (() => void) | undefined = undefined;
  /** The header fields of an upgrade request that is read once more. */
  #replayed: string[] | undefined = undefined;
  #watchesEnd = false;
  /** Is the timeout of the socket one that was set here? */
  #limited = false;
  /** How many bytes had come with the last response; -1 before it. Kept up to date in test servers only. */
  #bytesBefore = -1;
  /** Where Node has emitted the connection: a socket that goes back to Node's parser goes back there. */
  readonly #context = new AsyncContext("HTTPCONNECTION");

  constructor(socket: Socket, acceptor: Acceptor) {
    this.socket = socket;
    this.#acceptor = acceptor;
    (socket as Connected)[CONNECTION_OF] = this;
  }

  /** The connection of a socket; where the socket was given to another server, that of the latest. */
  static of(socket: Socket | null): Connection | undefined {
    return (socket as Connected | null)?.[CONNECTION_OF];
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** The exchanges that are not finished, the first of them being the one whose turn it is. */
  get exchanges(): readonly Exchange[] {
    const pipeline = this.#pipeline ?? [];
    return this.#current === undefined ? pipeline : [this.#current, ...pipeline];
  }

  /** Is no response due, and does no handler have the socket? */
  get idle(): boolean {
    if (this.#state === "switched" || this.#state === "lingering" || this.socket.writableLength > 0) return false;
    // The system may have the whole response, only Node does not know it yet.
    return this.#current === undefined || (this.#current.answered && this.#pipeline === undefined);
  }

  /** Has it had a request, and has nothing come since {@link markRead}? */
  get quiet(): boolean {
    return this.idle && this.#current === undefined && !(this.socket.bytesRead > this.#bytesBefore);
  }

  /** What has come is no part of a request any more; see {@link quiet}. */
  markRead(): void {
    this.#bytesBefore = this.socket.bytesRead;
  }

  // What Node's server tells ---------------------------------------------------------------------------------------------

  /**
   * Takes the next request of this connection.
   *
   * @param last will the connection end with its response, whatever that says?
   */
  receive(exchange: Exchange, last: boolean): void {
    if (this.hostname === "") this.hostname = addressOf(this.socket);
    if (this.#replayed !== undefined) {
      exchange.raw.rawHeaders = this.#replayed;
      this.#replayed = undefined;
    }
    // RFC 9112 9.6: what follows a request with `close` is not processed; nor is what follows a refused one (11.2).
    if (this.#state !== "open") {
      exchange.body.refuse({ status: 400 });
      this.#acceptor.dropped(exchange);
      // Where the last response is out, all that still comes is being discarded.
      if (this.#state === "last-request") this.#pauseReading();
      return;
    }
    if (last || exchange.body.state === "refused") this.#become("last-request");
    if (this.#current === undefined) return this.#admit(exchange);
    exchange.keepContext();
    (this.#pipeline ??= []).push(exchange);
    this.#pauseReading();
  }

  /** Takes an upgrade request or CONNECT, from which on Node no longer reads the socket. */
  receiveUpgrade(exchange: Exchange, bytesBehind: Buffer, last: boolean): void {
    // Node has removed its own listener; without any, a reset would end the process.
    this.socket.on("error", ignore);
    exchange.bytesBehind = new BytesBehind(this.socket, bytesBehind);
    // Its body comes with the ordinary request which it is, too; this message shows itself as complete.
    if (!exchange.body.ready) leaveBody(exchange.raw);
    this.receive(exchange, last && exchange.body.ready);
  }

  /** Another listener of `server.node` has taken an upgrade request: the socket is theirs. */
  leaveToOthers(): void {
    this.#become("switched");
    // Node has removed its own listener; without any, a reset would end the process.
    this.socket.on("error", ignore);
  }

  /**
   * The parser gave up, or a timeout ran out.
   *
   * @param atEnd because the client shut its sending side
   * @param packet the bytes that the parser met, if it was the parser
   */
  fail(refusal: Refusal, atEnd: boolean, packet?: Buffer): void {
    if (this.socket.destroyed || !this.socket.writable) {
      if (this.#state !== "lingering") this.socket.destroy();
      else if (refusal.status !== 408) this.#breakOff();
      return;
    }
    const last = this.#pipeline?.at(-1) ?? this.#current;
    if (refusal.status === 408 && this.#isPatientWith(last)) return;
    // Its other listeners learn from the end of the connection that the rest of the body will not come.
    if (last?.body.state === "left" && !last.body.complete) return void this.socket.destroy();
    if (last !== undefined && !last.body.complete && last.body.state !== "refused") {
      const text = last.body.announced === -1 ? CHUNKS_END_EARLY : BODY_ENDS_EARLY;
      // Without `mayBeHead`: the method is known.
      last.body.refuse({ status: refusal.status, ...(atEnd ? { text } : {}) });
      this.advance(last);
    } else if (this.#state === "open") {
      this.#become("last-request");
      this.#refusal = refusal;
      this.#acceptor.refused(refusal.status, packet);
      if (this.#current === undefined) this.#refuse(refusal);
    }
  }

  /**
   * The socket was silent for as long as `keepAliveTimeout` says, or the send timeout where a response is on its way.
   *
   * That ends an idle connection and one whose client does not take its response; a client that waits for a response may
   * wait on.
   */
  silent(): void {
    const current = this.#current;
    if (current === undefined || this.socket.writableLength > 0) this.socket.destroy();
    else if (current.body.streamed && !current.body.complete) this.#bodyStalled(current);
  }

  /** The socket is closed. */
  closed(): void {
    this.#become("closed");
    for (const exchange of this.exchanges) {
      this.#acceptor.withdraw(exchange);
      exchange.disconnect();
      this.#acceptor.finished(exchange);
    }
    this.#current = undefined;
    this.#pipeline = undefined;
  }

  // What its exchanges tell ----------------------------------------------------------------------------------------------

  /** It has a response, from somebody to whom it was not handed out, such as a test that has it from `requests`. */
  withdraw(exchange: Exchange): void {
    this.#acceptor.withdraw(exchange);
  }

  /** Back-pressure: is anybody waiting for this body? */
  wantsBody(exchange: Exchange): boolean {
    return exchange === this.#current && this.#acceptor.wants(exchange);
  }

  /** An exchange has changed its state: takes the step that is next now, if it is this exchange's turn. */
  advance(exchange: Exchange): void {
    if (exchange.body.state === "refused") this.#become("last-request");
    if (exchange !== this.#current) return;
    if (exchange.answeredByOthers) this.responseFinished(exchange);
    else if (exchange.responseState === "switched") this.#switched(exchange);
    else if (exchange.body.state === "refused") this.#refuseExchange(exchange);
    else if (exchange.body.ready && !exchange.accepted) this.#offer(exchange);
  }

  /** A response is with the operating system. */
  responseFinished(exchange: Exchange): void {
    if (exchange.closes) endsAsTold(this.socket);
    if (exchange !== this.#current || this.socket.destroyed) return;
    // As with bare `node:http`, the rest of the body is read by them or discarded, and the connection goes on.
    if (exchange.answeredByOthers && !exchange.body.complete)
      return void exchange.raw.once("end", () => this.advance(exchange));
    this.#current = undefined;
    this.#acceptor.withdraw(exchange);
    this.#acceptor.finished(exchange);
    if (this.#limited) this.#endLimit();
    if (exchange.body.state === "refused") return this.#linger();
    if (exchange.bytesBehind !== undefined) return this.#declined(exchange);
    // RFC 9112 9.3: the rest of that body stands between this response and the next request.
    if (!exchange.body.complete) return this.#finishBody(exchange);
    // That was the last response, by the handler's own header or because nothing else tells where it ends.
    if (exchange.closes || !this.socket.writable) return this.#linger();
    const next = this.#pipeline?.shift();
    if (this.#pipeline?.length === 0) this.#pipeline = undefined;
    if (next !== undefined) this.#admit(next);
    else if (this.#refusal !== undefined) this.#refuse(this.#refusal);
    if (this.#pipeline === undefined && this.#resumeReading()) this.socket.resume();
  }

  /** It matters to somebody when the client shuts its sending side: the exchange is told by `halfClosed`. */
  watchEnd(): void {
    if (this.#watchesEnd) return;
    this.#watchesEnd = true;
    this.socket.on("end", () => this.#halfClosed());
  }

  /** Something of a response is still here: the client may leave it unread only for so long. */
  limitSending(): void {
    this.#setTimeout(this.#acceptor.sendTimeout());
  }

  // The end --------------------------------------------------------------------------------------------------------------

  /** The server stops gently: what has arrived gets its response, which says that it is the last. */
  finish(): void {
    const last = this.#pipeline?.at(-1) ?? this.#current;
    // A head that is out has said that the connection stays; then it is the next response that ends it.
    if (last === undefined || last.response.headersSent) return;
    this.#become("last-request");
    makeLast(last.response);
  }

  /** A request that is not whole yet has had its time. */
  timeOut(): void {
    if (this.exchanges.at(-1)?.body.complete === false) this.fail({ status: 408 }, false);
  }

  /**
   * The server closes: what the system has is delivered, all else is cut.
   *
   * @param farewell the response to a request that has none, before its connection ends
   */
  close(farewell?: Refusal): void {
    this.#become("last-request");
    // The client has a moment left to read its last response.
    if (this.#state === "lingering") return destroyAfter(this.socket, CLOSE_LINGER_TIME);
    const current = this.#current;
    if (this.idle)
      return current?.body.complete === false ? this.#finishBody(current, CLOSE_LINGER_TIME) : endIdle(this.socket);
    const dismissed = farewell !== undefined && current?.dismiss(farewell) === true;
    if (dismissed) {
      // Node tells no message whose response is out that the rest of its body will not come.
      if (!current.body.complete) current.body.breakOff();
      this.socket.end();
      discardRest(this.socket, this.#resumeReading(), CLOSE_LINGER_TIME);
    } else if (current?.begun === true) current.cut();
    else this.socket.destroy();
    this.closed();
  }

  #admit(exchange: Exchange): void {
    this.#current = exchange;
    if (exchange.body.state === "refused") return this.advance(exchange);
    if (exchange.bytesBehind !== undefined) {
      this.#leaveSocket();
      if (!exchange.body.ready) return this.#replay(exchange);
    }
    if (exchange.body.streamed) return this.#offerStreamed(exchange);
    if (exchange.body.ready) return this.#offer(exchange);
    exchange.keepContext();
    // Without `Expect`, the first bytes of a body are read unasked.
    if (exchange.body.state !== "awaiting-continue" || this.#acceptor.wants(exchange)) exchange.body.read();
  }

  #offer(exchange: Exchange): void {
    // Another listener of `server.node` was faster.
    if (exchange.response.headersSent) return;
    this.#acceptor.offer(exchange);
    if (!exchange.queued) return;
    exchange.keepContext();
    this.watchEnd();
  }

  /** Offers a request when the parser has read the packet that brought its head, which may have the whole body, too. */
  #offerStreamed(exchange: Exchange): void {
    exchange.keepContext();
    // Node runs the ticks of one part of a packet before it reads the next.
    setImmediate(() => {
      if (exchange === this.#current && exchange.body.ready) this.#offer(exchange);
    });
  }

  /** The client shut its sending side. */
  #halfClosed(): void {
    const current = this.#current;
    if (current === undefined) return;
    // Nobody has accepted the request, and a client that shut its side is taken to be going.
    if (current.queued) this.socket.destroy();
    else current.halfClosed();
  }

  /** The handler's response to an upgrade request leaves the socket to the handler. */
  #switched(exchange: Exchange): void {
    if (exchange !== this.#current || this.socket.destroyed) return;
    this.#current = undefined;
    this.#become("switched");
    this.#acceptor.finished(exchange);
    // The timeouts of HTTP are not those of what comes now.
    this.#setTimeout(0);
  }

  /** The handler declined an upgrade request: all goes on as if nothing had been asked. */
  #declined(exchange: Exchange): void {
    exchange.response.detachSocket(this.socket);
    if (this.#state !== "open" || exchange.closes || this.socket.readableEnded) return endSoon(this.socket);
    exchange.bytesBehind!.giveBack();
    this.#backToNode();
  }

  /** Reads an upgrade request that has a body as the ordinary request which it is, too. */
  #replay(exchange: Exchange): void {
    // The body never came.
    if (this.socket.readableEnded) {
      exchange.body.refuse({ status: 400 });
      return this.advance(exchange);
    }
    this.#current = undefined;
    this.#replayed = exchange.raw.rawHeaders;
    replayWithoutUpgrade(exchange.raw, this.socket);
    this.#backToNode();
  }

  /** Leaves the socket as Node does at an upgrade: neither paused nor flowing, and the first listener gets the data. */
  #leaveSocket(): void {
    // As soon as nobody listens for 'readable' any more, a stream that was paused waits for its first listener again.
    if (this.#resumeReading()) this.socket.on("readable", ignore).off("readable", ignore);
  }

  #backToNode(): void {
    this.socket.removeListener("error", ignore);
    this.#context.runInAsyncScope(() => this.#acceptor.attach(this.socket));
  }

  #refuseExchange(exchange: Exchange): void {
    this.#acceptor.withdraw(exchange);
    exchange.sendRefusal();
  }

  /** Answers what is no request with an error, behind which there is nothing more to say. */
  #refuse(refusal: Refusal): void {
    this.socket.end(refusalResponse(refusal), "latin1");
    this.#linger();
  }

  #linger(): void {
    this.#become("lingering");
    this.#dropPipeline();
    this.socket.end();
    discardRest(this.socket, this.#resumeReading());
  }

  #dropPipeline(): void {
    this.#pipeline?.forEach((exchange) => this.#acceptor.dropped(exchange));
    this.#pipeline = undefined;
  }

  /** The rest of a body behind an early response cannot be read. */
  #breakOff(): void {
    this.#finishing?.body.breakOff(": what came of it is no valid HTTP");
    this.#finishing = undefined;
  }

  #finishBody(exchange: Exchange, time?: number): void {
    this.#become("lingering");
    this.#finishing = exchange;
    this.#dropPipeline();
    this.#resumeReading();
    finishBody(this.socket, exchange, time);
  }

  /** Nothing of a streamed body has come for as long as the socket's timeout says, which may be that of sending. */
  #bodyStalled(exchange: Exchange): void {
    const limit = this.#acceptor.bodyTimeout();
    if (this.socket.timeout !== limit || exchange.body.heldBack) return this.#setTimeout(limit);
    exchange.body.refuse({ status: 408 });
    this.advance(exchange);
  }

  /** A client that the server itself makes wait is not slow, nor is one whose long body keeps coming. */
  #isPatientWith(exchange: Exchange | undefined): boolean {
    if (this.#pause !== undefined || exchange === undefined) return this.#pause !== undefined;
    if (!exchange.body.streamed || exchange.body.complete) return exchange.body.heldBack;
    // Node measures each request once; from here on the silence counts.
    this.#setTimeout(this.#acceptor.bodyTimeout());
    return true;
  }

  /** Pauses reading while requests wait behind an unanswered one: TCP holds the client back. */
  #pauseReading(): void {
    if (this.#pause !== undefined) return;
    // Node reads on at the end of each message and when a response drains, so this has to be said each time.
    this.#pause = () => this.socket.pause();
    this.socket.on("resume", this.#pause);
    this.socket.pause();
  }

  #resumeReading(): boolean {
    if (this.#pause === undefined) return false;
    this.socket.removeListener("resume", this.#pause);
    this.#pause = undefined;
    return true;
  }

  /** What was set here was the limit of a response or its request. */
  #endLimit(): void {
    const idle = this.#acceptor.idleTimeout();
    if (idle !== undefined) this.#setTimeout(idle);
    this.#limited = false;
  }

  #setTimeout(milliseconds: number): void {
    this.#limited = true;
    // `emit("connection", duplex)` brings streams that have none.
    if (typeof this.socket.setTimeout === "function") this.socket.setTimeout(milliseconds);
  }

  #become(next: ConnectionState): void {
    if (CONNECTION[this.#state].includes(next)) this.#state = next;
  }
}

interface Connected extends Socket {
  [CONNECTION_OF]?: Connection;
}

/** The client's address; an IPv4 client of a dual-stack socket as IPv4 (RFC 4291 2.5.5.2). */
function addressOf(socket: Socket): string {
  const address = socket.remoteAddress ?? "";
  return address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
}

function ignore(): void {}
