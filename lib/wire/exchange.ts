import { AsyncResource } from "node:async_hooks";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { withCode } from "../errors";
import type { Linked } from "../fifo";
import type { HeadersInit } from "../http/headers";
import { codeToString, reasonPhrase } from "../http/status";
import { BodyBuffer, emptyBody } from "./body-buffer";
import type { Connection } from "./connection";
import { explainAbort, exposeBody, failBody, onFirstRead, readBody, receiveBody, resumeBody, type BodySink } from "./incoming-message";
import { reset } from "./lingering-close";
import type { Head } from "./request-head";
import { Source, SourceWriter, toBody, type Body, type Content } from "./response-body";
import { bareHead, cannotBeSent, decideHead, isInterim, type Refusal, type ResponseHead } from "./response-head";
import { sendHead, sendWhole, writeLastHead } from "./server-response";
import { REQUEST, RESPONSE, type RequestState, type ResponseState } from "./states";
import { switchesProtocol, type BytesBehind } from "./upgrade";
import { WatchedPromise } from "./watched-promise";

/** Bytes of a body that are read while nobody waits for requests; then TCP holds the client back. */
const UNASKED_BODY = 65_536;

/** What `respond` returns where there is nothing to wait for: the system took the whole response at once, or the client is gone. */
export const settled = Promise.resolve();

const failureHeaders = { "content-type": "text/plain", connection: "close" };

/** One request on a connection and the response to it. */
export class Exchange implements BodySink, Linked<Exchange> {
  readonly raw: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: Connection;
  readonly head: Head;
  /** Is the request handed out before its body is whole? */
  readonly streamed: boolean;
  /** The error with which the library itself answers, where {@link requestState} is `refused`. */
  refusal: Refusal | undefined = undefined;
  body: Buffer = emptyBody;
  /** Of an upgrade request or CONNECT, at which Node has let go of the socket. */
  bytesBehind: BytesBehind | undefined = undefined;
  /** The final status that was sent, or 0. */
  status = 0;
  /** Was it handed to somebody who answers it? */
  accepted = false;
  /** The object that users see; made by `requestOf`. */
  view: unknown = undefined;
  /** Reports the failure of whoever got this request; set as it is handed out. */
  report: ((error: unknown, exchange: Exchange) => void) | undefined = undefined;

  /** Is it among the requests that nobody has accepted yet? */
  queued = false;
  previous: Exchange | undefined = undefined;
  next: Exchange | undefined = undefined;

  readonly #maxBody: number;
  #requestState: RequestState;
  #responseState: ResponseState = "none";
  #buffer: BodyBuffer | undefined = undefined;
  #reading: Promise<Buffer> | undefined = undefined;
  #gathered: (() => void) | undefined = undefined;
  #responseHead: ResponseHead | undefined = undefined;
  #writer: SourceWriter | undefined = undefined;
  #settle: (() => void) | undefined = undefined;
  #abort: AbortController | undefined = undefined;
  /** The client was gone, or going, before the response was whole. */
  #leaving = false;
  #abortError: Error | undefined = undefined;
  #context: AsyncResource | undefined = undefined;
  /** What had been written on the connection when an upgrade request was accepted, in bytes. */
  #writtenBefore = 0;

  constructor(raw: IncomingMessage, response: ServerResponse, connection: Connection, head: Head, options: ExchangeOptions) {
    this.raw = raw;
    this.response = response;
    this.connection = connection;
    this.head = head;
    this.#maxBody = options.maxBody;
    this.streamed = options.stream && head.length !== 0 && head.refusal === 0;
    if (head.refusal !== 0) this.refusal = { status: head.refusal };
    if (head.refusal !== 0) this.#requestState = "refused";
    else if (head.length === 0) this.#requestState = "complete";
    else this.#requestState = options.expectsContinue ? "awaiting-continue" : "receiving";
    if (this.streamed) this.#streamBody();
    else receiveBody(raw, this);
    response.on("finish", () => this.#finish());
  }

  get socket(): Socket {
    return this.connection.socket;
  }

  get requestState(): RequestState {
    return this.#requestState;
  }

  get responseState(): ResponseState {
    return this.#responseState;
  }

  /** Has the whole request arrived? */
  get complete(): boolean {
    return this.#requestState === "complete" || (this.streamed && this.raw.complete);
  }

  /** Can it be handed out? */
  get ready(): boolean {
    return this.#requestState === "complete" || (this.streamed && this.#requestState !== "refused");
  }

  /** Bytes of the body so far, and how many were announced (-1: only the end tells). */
  get progress(): { arrived: number; announced: number } {
    return { arrived: this.#buffer?.length ?? this.body.length, announced: this.head.length };
  }

  /** What has arrived of the body, as one buffer. */
  get received(): Buffer {
    return this.#buffer?.peek() ?? this.body;
  }

  /** Has the server itself paused the body, because nobody waits for requests? */
  get heldBack(): boolean {
    if (this.complete || this.#requestState === "refused") return false;
    return this.streamed || this.#requestState === "awaiting-continue" || (this.#buffer?.length ?? 0) >= UNASKED_BODY;
  }

  /** Has a response begun that is not whole? */
  get begun(): boolean {
    return this.#responseState === "starting" || this.#responseState === "head-sent" || this.#responseState === "streaming";
  }

  /** Is nothing of a response on the wire, nor of another protocol of a handler that took the socket over at an upgrade? */
  get unanswered(): boolean {
    if (this.#responseState !== "none" || this.response.headersSent) return false;
    return this.bytesBehind === undefined || !this.accepted || this.socket.bytesWritten === this.#writtenBefore;
  }

  /** Is the response, by the handler's own header, the last one on its connection? */
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

  /** Marks it as handed to somebody who answers it. */
  accept(): void {
    this.accepted = true;
    this.#writtenBefore = this.bytesBehind === undefined ? 0 : this.socket.bytesWritten;
  }

  /**
   * Remembers the asynchronous context in which Node has emitted the request, for a handler that runs later.
   *
   * To be called in the turn of that event.
   */
  keepContext(): void {
    this.#context ??= new AsyncResource("HTTPREQUEST");
  }

  /** Sees to it that the rejection of a promise that nobody awaits is the failure of whoever got this request. */
  watch<T>(promise: Promise<T>): Promise<T> {
    // The response left at once.
    if (promise === settled) return promise;
    return WatchedPromise.watch(promise, (error) => this.report?.(error, this));
  }

  /** Runs a handler in the asynchronous context of this request. */
  run<T>(handler: (argument: T) => unknown, argument: T): unknown {
    return this.#context === undefined ? handler(argument) : this.#context.runInAsyncScope(handler, undefined, argument);
  }

  // The request ---------------------------------------------------------------------------------------------------------

  /** It is this request's turn and somebody waits for requests: its body is asked for. */
  read(): void {
    this.#continue();
    resumeBody(this.raw);
  }

  data(chunk: Buffer): boolean {
    if (this.#requestState === "refused") return true;
    const buffer = (this.#buffer ??= new BodyBuffer(this.head.length));
    if (buffer.length + chunk.length > this.#maxBody) {
      this.#buffer = undefined;
      this.#tooLong();
      return true;
    }
    buffer.append(chunk);
    return this.streamed || buffer.length < UNASKED_BODY || this.connection.wantsBody(this);
  }

  end(): void {
    if (!this.#advanceRequest("complete")) return;
    if (this.#buffer !== undefined) {
      this.body = this.#buffer.take();
      this.#buffer = undefined;
    }
    this.#gathered?.();
    if (!this.streamed) this.connection.advance(this);
  }

  /** Has the library answer this request itself, with an error, when it is its turn. */
  refuse(refusal: Refusal): void {
    if (!this.#advanceRequest("refused")) return;
    this.refusal = refusal;
    this.#buffer = undefined;
  }

  /** It is its turn: sends the refusal, where nothing else was sent, and fails what a handler still waits for of the body. */
  sendRefusal(): void {
    const { status, text = codeToString(status) } = this.refusal!;
    // By Node's response, so that an access log has the status, too.
    const head = { code: status, reason: reasonPhrase(status), fields: ["Content-Type", "text/plain", "Content-Length", String(text.length)] };
    if (this.#responseState === "none" && !this.response.headersSent) {
      this.#writeHead({ ...head, hasContent: this.raw.method !== "HEAD", length: text.length, close: true });
      this.#become("ended");
      sendWhole(this.response, this.raw.method === "HEAD" ? "" : text);
      this.connection.limitSending();
    } else if (this.begun) this.cut();
    if (!this.streamed) return;
    this.#abortError = withCode(
      "ERR_CLIENT_DISCONNECTED",
      new Error(`the body of ${describe(this)} broke off, and the client got ${this.status}`),
    );
    failBody(this.raw, this.#abortError);
  }

  /** The message as a stream, whole for everybody who reads it. */
  exposeBody(): IncomingMessage {
    if (!this.streamed) exposeBody(this.raw);
    return this.raw;
  }

  /** @throws Error `ERR_BODY_NOT_READ` before a streamed body was gathered */
  wholeBody(): Buffer {
    if (this.#requestState === "complete") return this.body;
    const problem = `the body of ${describe(this)} was not read: await request.readBody() first, or read request.bodyStream`;
    throw withCode("ERR_BODY_NOT_READ", new Error(problem));
  }

  /** Gathers a streamed body up to `maxBody`; see `Request.readBody`. */
  gatherBody(): Promise<Buffer> {
    if (this.#requestState === "complete") return Promise.resolve(this.body);
    return (this.#reading ??= this.#gather());
  }

  #streamBody(): void {
    if (this.#requestState === "awaiting-continue") onFirstRead(this.raw, () => this.#continue());
    explainAbort(this.raw, (cause) => {
      const problem = `the client disconnected before the body of ${describe(this)} was whole`;
      return (this.#abortError = withCode("ERR_CLIENT_DISCONNECTED", new Error(problem, { cause })));
    });
  }

  #gather(): Promise<Buffer> {
    const { raw } = this;
    if (raw.readableDidRead) return Promise.reject(bodyNotReadable(this, "bodyStream was read already"));
    if (raw.destroyed) return Promise.reject(raw.errored ?? bodyNotReadable(this, "the client disconnected"));
    if (this.#responseState !== "none" && !raw.complete) {
      return Promise.reject(bodyNotReadable(this, `it was answered with ${this.status} before`));
    }
    return new Promise((resolve, reject) => {
      const done = (error?: unknown): void => {
        raw.removeListener("error", done);
        this.#gathered = undefined;
        if (error !== undefined) reject(error as Error);
        else if (this.#requestState === "refused") reject(bodyTooLong(this, this.#maxBody));
        else resolve(this.body);
      };
      this.#gathered = done;
      raw.on("error", done);
      if (this.head.length > this.#maxBody) this.#tooLong();
      else readBody(raw, this);
    });
  }

  #tooLong(): void {
    this.refuse({ status: 413 });
    if (!this.streamed) return this.connection.advance(this);
    if (this.#responseState === "none") void this.respond(413, "413 Request Entity Too Large", failureHeaders);
    this.#gathered?.();
  }

  /** Tells a client that waits for it to send the body; never behind a response. */
  #continue(): void {
    if (this.#requestState !== "awaiting-continue" || this.#responseState !== "none") return;
    this.#advanceRequest("receiving");
    this.response.writeContinue();
  }

  #advanceRequest(next: RequestState): boolean {
    if (!REQUEST[this.#requestState].includes(next)) return false;
    this.#requestState = next;
    return true;
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
      if (isInterim(code)) return this.#respondInterim(code, init);
      if (this.bytesBehind !== undefined && switchesProtocol(this.raw.method!, code)) return this.#respondSwitch(code, init);
      const head = this.#decide(code, init, reason, body);
      if (!(body instanceof Source)) return this.#respondWhole(head, body);
      if (!head.hasContent || this.#gone) return this.#respondWhole(head, "");
      kept = true;
      return this.#respondWithSource(head, body);
    } finally {
      if (!kept) source?.release();
    }
  }

  /** Sends status line and header fields; see `Request.sendHeaders`. */
  sendHeaders(init: HeadersInit, code: number): Promise<void> {
    if (isInterim(code)) return this.#respondInterim(code, init);
    this.#checkUnanswered();
    const head = this.#decideHead(code, init, undefined, -1);
    this.status = code;
    this.#responseHead = head;
    this.#become("head-sent");
    if (this.#gone) return settled;
    this.#writeHead(head);
    this.connection.limitSending();
    return sendHead(this.response);
  }

  /** The response is with the operating system. */
  #finish(): void {
    this.#settle?.();
    // Another listener of `server.node` has answered, unless it has ended already.
    if (this.#become("ended")) this.status = this.response.statusCode;
    this.connection.responseFinished(this);
  }

  /** The client disconnected: nothing of the response can arrive any more. */
  disconnect(): void {
    this.halfClosed();
    if (this.#responseState === "starting" || this.#responseState === "streaming") this.#become("aborted");
    this.#writer?.stop();
    this.#settle?.();
  }

  /** The client shut its sending side. Most that do are going away; one that only has no more to say gets its response. */
  halfClosed(): void {
    if (this.#responseState === "ended" || this.#responseState === "switched") return;
    this.#leaving = true;
    this.#abort?.abort();
  }

  /** Ends the exchange of a handler that failed: 500 where that is still possible, else the client sees a cut. */
  fail(): void {
    if (this.unanswered) this.#respondFailure();
    else if (this.begun) this.cut();
    // A handler that took the socket over at an upgrade has begun another protocol on it.
    else if (this.#responseState === "none" && !this.response.headersSent) this.socket.destroy();
  }

  /** Does this error only pass on that the client has disconnected, or was refused? */
  isClientsDoing(error: unknown): boolean {
    const reason: unknown = this.#abort?.signal.reason;
    let at = error;
    // A client of the handler's own wraps what it was given: fetch does, and stream.pipeline may.
    for (let depth = 0; depth < 4 && at !== undefined && at !== null; depth++) {
      if (at === reason || at === this.#abortError) return true;
      const { code, cause } = at as { code?: unknown; cause?: unknown };
      if (this.#requestState === "refused" && (code === "ERR_BODY_TOO_LARGE" || code === "ERR_ALREADY_ANSWERED")) return true;
      // A pipeline from `bodyStream`.
      if (this.streamed && this.#gone && code === "ERR_STREAM_PREMATURE_CLOSE") return true;
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

  /** Everything about the response that is decided before a byte of it is written. */
  #decide(code: number, init: HeadersInit | undefined, reason: string | undefined, body: Body): ResponseHead {
    if (this.#responseState !== "head-sent") {
      this.#checkUnanswered();
      const size = typeof body === "string" ? Buffer.byteLength(body) : body instanceof Source ? -1 : body.length;
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
    if (this.response.headersSent) throw alreadyAnswered(this, "another listener of server.node has answered it");
  }

  #respondInterim(code: number, init: HeadersInit | undefined): Promise<void> {
    const head = bareHead(code, init);
    this.#checkUnanswered();
    // RFC 9110 15.2: no 1xx to an HTTP/1.0 client.
    if (this.#gone || this.raw.httpVersionMinor === 0) return settled;
    return this.#write(head);
  }

  async #respondSwitch(code: number, init: HeadersInit | undefined): Promise<void> {
    const head = bareHead(code, init);
    this.#checkUnanswered();
    this.status = code;
    this.#become("switched");
    if (this.#gone) return;
    await this.#write(head);
    this.connection.advance(this);
  }

  #respondWhole(head: ResponseHead, body: string | Buffer): Promise<void> {
    this.#checkEnd();
    const headSent = this.#responseState === "head-sent";
    if (!headSent && !this.#gone) this.#writeHead(head);
    this.status = head.code;
    this.#become("ended");
    if (this.#gone) return settled;
    const content = head.hasContent ? body : "";
    const size = typeof content === "string" ? Buffer.byteLength(content) : content.length;
    const { length } = head;
    // RFC 9112 6.3: what exceeds the promised length would be read as the next response.
    if (length >= 0 && size > length) sendWhole(this.response, Buffer.from(content as string).subarray(0, length));
    else if (typeof content === "string" && size > content.length) sendWhole(this.response, Buffer.from(content));
    else sendWhole(this.response, content);
    if (head.hasContent && size < length) this.socket.end();
    return this.#flushed();
  }

  async #respondWithSource(head: ResponseHead, source: Source): Promise<void> {
    const writer = (this.#writer = new SourceWriter(source));
    const headSent = this.#responseState === "head-sent";
    if (!headSent) {
      this.status = head.code;
      this.#become("starting");
    }
    try {
      if (!headSent) await writer.start();
    } catch (error) {
      // Nothing is on the wire yet.
      if (this.#become("none")) {
        this.status = 0;
        this.#respondFailure();
      }
      throw error;
    }
    if (!this.#become("streaming")) return source.release();
    let sent: number;
    try {
      if (!headSent) this.#writeHead(head);
      this.connection.limitSending();
      if (!headSent) void sendHead(this.response);
      sent = await writer.write(this.response, head.length);
    } catch (error) {
      this.cut();
      throw error;
    }
    this.#checkEnd();
    if (!this.#become("ended")) return;
    this.response.end();
    if (sent < head.length) this.socket.end();
    return this.#flushed();
  }

  #respondFailure(): void {
    void this.respond(500, "500 Internal Server Error", failureHeaders);
  }

  #writeHead(head: ResponseHead): void {
    const { response } = this;
    // Node has let go of the socket of an upgrade request; as the handler declines, the response takes it.
    if (this.bytesBehind !== undefined) response.assignSocket(this.socket);
    // What still comes of the body is discarded, and then the connection ends.
    const early = this.#responseState === "none" && !this.complete;
    try {
      if (early) writeLastHead(response, head);
      else response.writeHead(head.code, head.reason, head.fields);
    } catch (error) {
      throw cannotBeSent(error);
    }
    this.#responseHead = head;
    this.status = head.code;
  }

  #become(next: ResponseState): boolean {
    if (!RESPONSE[this.#responseState].includes(next)) return false;
    this.#responseState = next;
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

/** What an exchange has to know of its server and of the event that brought it. */
export interface ExchangeOptions {
  readonly maxBody: number;
  readonly stream: boolean;
  /** Does the client hold the body back until it is told to go on? */
  readonly expectsContinue: boolean;
}

function describe({ raw }: Exchange): string {
  return `${raw.method} ${raw.url}`;
}

function alreadyAnswered(exchange: Exchange, how: string): Error {
  return withCode("ERR_ALREADY_ANSWERED", new Error(`${describe(exchange)} cannot be answered like this: ${how}`));
}

function bodyNotReadable(exchange: Exchange, why: string): Error {
  return withCode("ERR_BODY_NOT_READABLE", new Error(`the body of ${describe(exchange)} cannot be read: ${why}`));
}

function bodyTooLong(exchange: Exchange, maxBody: number): RangeError {
  const problem = `the body of ${describe(exchange)} is longer than maxBody, ${maxBody} bytes: the client got 413`;
  return withCode("ERR_BODY_TOO_LARGE", new RangeError(problem));
}
