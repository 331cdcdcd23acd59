import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { alreadyAnswered } from "../errors";
import type { Linked } from "../fifo";
import type { HeadersInit } from "../http/headers";
import { codeToString, reasonPhrase } from "../http/status";
import { AsyncContext, SHARED_CONTEXT } from "./async-context";
import type { Connection } from "./connection";
import { reset } from "./lingering-close";
import { RequestBody, type BodyOptions } from "./request-body";
import type { Head } from "./request-head";
import { Source, SourceWriter, toBody, type Content } from "./response-body";
import { bareHead, cannotBeSent, decideHead, isInterim, type Refusal, type ResponseHead } from "./response-head";
import { dumpBody } from "./incoming-message";
import { endsAsTold, sendHead, sendWhole, writeLastHead } from "./server-response";
import { RESPONSE, type ResponseState } from "./states";
import { assignSocket, switchesProtocol, type BytesBehind } from "./upgrade";
import { WatchedPromise } from "./watched-promise";

/** What `respond` returns where there is nothing to wait for: the system took the whole response at once, or the client is gone. */
export const settled = Promise.resolve();

/** Where a response has its exchange. */
const EXCHANGE = Symbol("exchange");

/** One request on a connection and the response to it. */
export class Exchange implements Linked<Exchange> {
  readonly raw: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: Connection;
  readonly head: Head;
  readonly body: RequestBody;
  /** Of an upgrade request or CONNECT, at which Node has let go of the socket. */
  bytesBehind: BytesBehind | undefined = undefined;
  /** The final status that was sent, or 0. */
  status = 0;
  /** Was it handed out? */
  accepted = false;
  /** The object that users see; made by `requestOf`. */
  view: unknown = undefined;
  /** Reports the failure of its handler; set as the request is offered, and again as it is handed out. */
  report!: (error: unknown, exchange: Exchange) => void;

  /** Is it among the requests that nobody has accepted yet? */
  queued = false;
  previous: Exchange | undefined = undefined;
  next: Exchange | undefined = undefined;

  #responseState: ResponseState = "none";
  #responseHead: ResponseHead | undefined = undefined;
  #writer: SourceWriter | undefined = undefined;
  /** Settles the promise of `respond`. */
  #settle: (() => void) | undefined = undefined;
  #abort: AbortController | undefined = undefined;
  /** The client was gone, or going, before the response was whole. */
  #leaving = false;
  /** Where Node has emitted the request; made where its handler runs later than in the turn of that event. */
  #context: AsyncContext | undefined = undefined;
  /** What had been written on the connection when an upgrade request was accepted, in bytes. */
  #writtenBefore = 0;

  /** @param awaitsContinue does the client hold the body back until it is told to go on? */
  constructor(
    raw: IncomingMessage,
    response: ServerResponse,
    connection: Connection,
    head: Head,
    bodies: BodyOptions,
    awaitsContinue: boolean,
  ) {
    this.raw = raw;
    this.response = response;
    this.connection = connection;
    this.head = head;
    this.body = new RequestBody(this, bodies, awaitsContinue);
    if (SHARED_CONTEXT) this.keepContext();
    (response as Responding)[EXCHANGE] = this;
    response.on("finish", onFinish);
  }

  /** Does a response belong to an exchange? */
  static has(response: ServerResponse): boolean {
    return (response as Responding)[EXCHANGE] !== undefined;
  }

  get socket(): Socket {
    return this.connection.socket;
  }

  get responseState(): ResponseState {
    return this.#responseState;
  }

  /** Has a response begun that is not whole? */
  get begun(): boolean {
    return ["starting", "head-sent", "streaming"].includes(this.#responseState);
  }

  /** Did another listener of `server.node` send the response? */
  get answeredByOthers(): boolean {
    return this.#responseState === "ended-by-others";
  }

  /** Was the whole response handed to Node, by whomever? */
  get answered(): boolean {
    return this.#responseState === "ended" || this.answeredByOthers || this.#responseState === "dismissed";
  }

  /** Has the response said that it is the last one on its connection? */
  get closes(): boolean {
    return this.#responseHead?.close === true;
  }

  /** Aborted when the client disconnects before the response is whole. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      this.connection.watchEnd();
      this.#checkEnd();
      if (this.#leaving) this.#abort.abort();
    }
    return this.#abort.signal;
  }

  /** Marks it as handed out. */
  accept(): void {
    this.accepted = true;
    this.#writtenBefore = this.bytesBehind === undefined ? 0 : this.socket.bytesWritten;
  }

  /** Makes the rejection of a promise that nobody awaits an error of the handler. */
  watch<T>(promise: Promise<T>): Promise<T> {
    // The response left at once.
    if (promise === settled) return promise;
    return WatchedPromise.watch(promise, (error) => this.report(error, this));
  }

  /** Remembers the asynchronous context of the request; to be called in the turn in which Node emits it. */
  keepContext(): void {
    this.#context ??= new AsyncContext("HTTPREQUEST");
  }

  /** Runs a function in the asynchronous context of the request. */
  run<T>(call: (exchange: this, argument: T) => void, argument: T): void {
    if (this.#context === undefined) call(this, argument);
    else this.#context.runInAsyncScope(call, undefined, this, argument);
  }

  /** The request line as errors name it. */
  toString(): string {
    return `${this.raw.method} ${this.raw.url}`;
  }

  // The response --------------------------------------------------------------------------------------------------------

  /**
   * Sends a response: normalise, decide, then one branch. What was not sent is released, on every way out.
   *
   * See `Request.respond`.
   */
  respond(code: number, given: Content, init: HeadersInit | undefined, reason?: string): Promise<void> {
    const body = toBody(given);
    const source = body instanceof Source ? body : undefined;
    let kept = false;
    try {
      if (this.#responseState === "dismissed") return settled;
      if (isInterim(code)) return this.#respondInterim(code, init);
      if (this.bytesBehind !== undefined && switchesProtocol(this.raw.method!, code))
        return this.#respondSwitch(code, init);
      const size = source === undefined ? Buffer.byteLength(body as string | Buffer) : -1;
      const head = this.#decide(code, init, reason, size);
      if (source === undefined) return this.#respondWhole(head, body as string | Buffer, size);
      if (!head.hasContent || this.#gone) return this.#respondWhole(head, "", 0);
      kept = true;
      return this.#respondWithSource(head, source);
    } finally {
      if (!kept) source?.release();
    }
  }

  /** Sends status line and header fields; see `Request.sendHeaders`. */
  sendHeaders(init: HeadersInit, code: number): Promise<void> {
    if (this.#responseState === "dismissed") return settled;
    if (isInterim(code)) return this.#respondInterim(code, init);
    this.#checkUnanswered();
    const head = this.#decideHead(code, init, undefined, -1);
    if (!this.#gone) this.#writeHead(head);
    this.#responseHead ??= head;
    this.status = code;
    this.#become("head-sent");
    if (!this.socket.writable) return settled;
    this.connection.limitSending();
    return sendHead(this.response);
  }

  /** It is its turn: sends the refusal, where nothing else was sent, and fails what a handler still waits for of the body. */
  sendRefusal(): void {
    if (!this.sendError(this.body.refusal!) && this.begun) this.cut();
    this.#leave();
    this.body.breakOff();
  }

  /** Answers with an error of the library's own, the last response on its connection; `false` where a response has begun. */
  sendError({ status, text = codeToString(status) }: Refusal, state: "ended" | "dismissed" = "ended"): boolean {
    this.#stopStarting();
    if (this.#responseState !== "none" || this.response.headersSent || this.#takenOver || this.#gone) return false;
    const hasContent = this.raw.method !== "HEAD";
    const fields = ["Content-Type", "text/plain", "Content-Length", String(text.length)];
    const head = { code: status, reason: reasonPhrase(status), fields, hasContent, length: text.length, close: true };
    try {
      // By Node's response, so that an access log has the status, too.
      this.#writeHead(head, true);
    } catch {
      // Another listener of `server.node` has done to the response, or its socket, what Node refuses to send.
      if (state === "dismissed") this.#become(state);
      this.cut();
      return true;
    }
    this.#become(state);
    sendWhole(this.response, hasContent ? text : "");
    if (this.socket.writableLength > 0) this.connection.limitSending();
    return true;
  }

  /** The server closes: responds in place of the handler, whose own response, if it still comes, is dropped. */
  dismiss(farewell: Refusal): boolean {
    const dismissed = this.sendError(farewell, "dismissed");
    if (dismissed) this.#leave();
    return dismissed;
  }

  /** The response is with the operating system. */
  finish(): void {
    this.#settle?.();
    dumpBody(this.raw);
    if (this.#become("ended-by-others")) {
      this.status = this.response.statusCode;
      // RFC 9112 6.3: they may have sent less than the handler had promised, and the next response would be taken for the rest.
      if (this.#responseHead?.hasContent === true && this.#responseHead.length > 0) this.socket.end();
    }
    this.connection.responseFinished(this);
  }

  /** The client disconnected: nothing of the response can arrive any more. */
  disconnect(): void {
    this.halfClosed();
    // Nothing of it was on the wire.
    if (this.#responseState === "starting") this.status = 0;
    if (this.#responseState === "starting" || this.#responseState === "streaming") this.#become("aborted");
    this.#writer?.stop();
    this.#settle?.();
  }

  /** The client shut its sending side. Most that do are going away; one that only has no more to say gets its response. */
  halfClosed(): void {
    if (!this.answered && this.#responseState !== "switched") this.#leave();
  }

  /** Tells a handler that its response cannot arrive, or most likely will not. */
  #leave(): void {
    this.#leaving = true;
    this.#abort?.abort();
  }

  /** Ends the exchange of a handler that failed: 500 where that is still possible, else the client sees a cut. */
  fail(): void {
    this.#stopStarting();
    if (this.#takenOver) this.socket.destroy();
    else if (!this.sendError({ status: 500 }) && this.begun) this.cut();
  }

  /** Lets go of a source that is asked for its first chunk: nothing of its response is on the wire yet. */
  #stopStarting(): void {
    if (this.#responseState !== "starting" || !this.#become("none")) return;
    this.status = 0;
    this.#writer?.stop();
  }

  /** Does this error only pass on that the client has disconnected, or was refused? */
  isClientsDoing(error: unknown): boolean {
    const reason: unknown = this.#abort?.signal.reason;
    let at = error;
    // A client of the handler's own wraps what it was given: fetch does, and stream.pipeline may.
    for (let depth = 0; depth < 4 && at !== undefined && at !== null; depth++) {
      if (at === reason || this.body.isFailure(at)) return true;
      const { code, cause } = at as { code?: unknown; cause?: unknown };
      if (this.body.state === "refused" && (code === "ERR_BODY_TOO_LARGE" || code === "ERR_ALREADY_ANSWERED"))
        return true;
      // A pipeline from `bodyStream`.
      if (this.body.streamed && this.#gone && code === "ERR_STREAM_PREMATURE_CLOSE") return true;
      at = cause;
    }
    return false;
  }

  /** Cuts a response that has begun, so that the client cannot take it for whole. */
  cut(): void {
    const head = this.#responseHead;
    this.#become("aborted");
    // RFC 9112 6.3: the end of the connection is the end of such content, so only a reset tells that it is missing.
    const closeDelimited = head?.length === -1 && head.hasContent && !this.response.chunkedEncoding;
    if (closeDelimited) reset(this.socket);
    else this.socket.destroy();
  }

  /** Is the client gone, so that nothing can arrive any more? */
  get #gone(): boolean {
    return this.socket.destroyed || this.connection.state === "closed";
  }

  /** Has a handler begun another protocol on the socket of an upgrade request, without a response? */
  get #takenOver(): boolean {
    const unanswered = this.accepted && this.#responseState === "none";
    return unanswered && this.bytesBehind !== undefined && this.socket.bytesWritten > this.#writtenBefore;
  }

  /** Everything about the response that is decided before a byte of it is written. */
  #decide(code: number, init: HeadersInit | undefined, reason: string | undefined, size: number): ResponseHead {
    // Another listener of `server.node` may have ended it; Node emits 'finish' a turn later, at the earliest.
    if (this.#responseState !== "head-sent" || this.response.writableEnded) {
      this.#checkUnanswered();
      return this.#decideHead(code, init, reason, size);
    }
    if (code !== this.status) throw alreadyAnswered(this, `sendHeaders has sent status ${this.status}, got ${code}`);
    if (init !== undefined) throw alreadyAnswered(this, "sendHeaders has sent the headers, so respond takes none");
    return this.#responseHead!;
  }

  #decideHead(code: number, init: HeadersInit | undefined, reason: string | undefined, size: number): ResponseHead {
    const { raw, response } = this;
    const asked = { method: raw.method!, minor: raw.httpVersionMinor, last: !response.shouldKeepAlive };
    return decideHead(code, init, size, asked, reason);
  }

  #checkUnanswered(): void {
    if (this.#responseState !== "none") throw alreadyAnswered(this, `it was answered with ${this.status} already`);
    this.#checkNotAnsweredByOthers();
  }

  #checkNotAnsweredByOthers(): void {
    if (this.response.headersSent) throw alreadyAnswered(this, "another listener of server.node has answered it");
  }

  #respondInterim(code: number, init: HeadersInit | undefined): Promise<void> {
    const head = bareHead(code, init);
    this.#checkUnanswered();
    // RFC 9110 15.2: no 1xx to an HTTP/1.0 client.
    if (this.#gone || this.raw.httpVersionMinor === 0) return settled;
    if (code === 100) this.body.continued();
    return this.#write(head);
  }

  #respondSwitch(code: number, init: HeadersInit | undefined): Promise<void> {
    const head = bareHead(code, init);
    this.#checkUnanswered();
    this.status = code;
    this.#become("switched");
    if (this.#gone) return settled;
    return this.#write(head).then(() => this.connection.advance(this));
  }

  #respondWhole(head: ResponseHead, content: string | Buffer, size: number): Promise<void> {
    this.#checkEnd();
    const headSent = this.#responseState === "head-sent";
    if (!headSent && !this.#gone) this.#writeHead(head);
    this.status = head.code;
    this.#become("ended");
    if (this.#gone) return settled;
    const { length, hasContent } = head;
    // RFC 9112 6.3: what exceeds the promised length would be read as the next response.
    if (!hasContent) this.response.end();
    else if (length >= 0 && size > length) sendWhole(this.response, Buffer.from(content as string).subarray(0, length));
    else if (typeof content === "string" && size > content.length) sendWhole(this.response, Buffer.from(content));
    else sendWhole(this.response, content);
    if (hasContent && size < length) this.socket.end();
    return this.#flushed();
  }

  async #respondWithSource(head: ResponseHead, source: Source): Promise<void> {
    const writer = (this.#writer = new SourceWriter(source));
    const headSent = this.#responseState === "head-sent";
    if (!headSent) {
      this.status = head.code;
      this.#become("starting");
    }
    let sent: number;
    try {
      if (!headSent) {
        await writer.start();
        if (this.#responseState === "starting" || this.answeredByOthers) this.#checkNotAnsweredByOthers();
        if (this.#responseState === "starting") this.#writeHead(head);
      }
      if (!this.#become("streaming")) return;
      this.connection.limitSending();
      if (!headSent) void sendHead(this.response);
      sent = await writer.write(this.response, head.length);
    } catch (error) {
      // Behind a head that cannot be sent another response is possible.
      if (this.#responseState !== "none") this.fail();
      throw error;
    } finally {
      source.release();
    }
    this.#checkEnd();
    if (!this.#become("ended")) return;
    this.response.end();
    if (sent < head.length) this.socket.end();
    return this.#flushed();
  }

  /** @param last is it the last one on its connection? */
  #writeHead(head: ResponseHead, last = !this.body.complete): void {
    const { response } = this;
    // Node has let go of the socket of an upgrade request; as the handler declines, the response takes it.
    if (this.bytesBehind !== undefined) assignSocket(response, this.socket);
    try {
      // Where it comes before the body is whole, the rest of that is discarded.
      if (last) writeLastHead(response, head);
      else response.writeHead(head.code, head.reason, head.fields);
    } catch (error) {
      // So that another response can take it, and the socket ends as it is told to.
      endsAsTold(this.socket);
      if (this.bytesBehind !== undefined) response.detachSocket(this.socket);
      if (this.#become("none")) this.status = 0;
      throw cannotBeSent(error, head.fields);
    }
    this.#responseHead = last ? { ...head, close: true } : head;
    this.status = head.code;
  }

  #become(next: ResponseState): boolean {
    if (!RESPONSE[this.#responseState].includes(next)) return false;
    this.#responseState = next;
    if (this.queued) this.connection.withdraw(this);
    return true;
  }

  /** Has the client shut its sending side while nobody listened for that? */
  #checkEnd(): void {
    if (this.socket.readableEnded) this.halfClosed();
  }

  /** Settles when all is with the operating system, or the client is gone. */
  #flushed(): Promise<void> {
    // The system took everything at once, as it nearly always does.
    if (this.socket.writableLength === 0) return settled;
    this.connection.limitSending();
    return new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Writes behind all that Node has written for this connection; settles when it is with the system or lost. */
  #write(head: string): Promise<void> {
    return new Promise((resolve) => {
      this.socket.write(head, "latin1", () => resolve());
    });
  }
}

type Responding = ServerResponse & { [EXCHANGE]?: Exchange };

/**
 * One function for all responses.
 *
 * V8 may decide that every list of listeners gets old, as those of sockets do. A function of its own in such a list, even
 * of a response that has gone, would keep its request in memory until the next full collection.
 */
function onFinish(this: Responding): void {
  this[EXCHANGE]?.finish();
}
