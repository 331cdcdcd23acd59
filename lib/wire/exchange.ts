import type { Socket } from "node:net";
import { BodyBuffer, emptyBody } from "./body-buffer";
import { isSource, normalize, release, type Content, type Source } from "./content";
import { withCode } from "../errors";
import type { Linked } from "../fifo";
import type { Head } from "./request-head";
import type { HeadersInit } from "../http/headers";
import type { BodySink, Incoming } from "./incoming-message";
import type { Outgoing, Sender } from "./server-response";
import { Departure, pump } from "./pump";
import { bareHead, cannotBeSent, decideReply, isInterim, type Reply } from "./response-head";
import { Request, type RequestSource } from "../request";
import { switchesProtocol } from "./upgrade";

/** The connection of an exchange, as far as the exchange needs it. */
export interface Line {
  readonly socket: Socket;
  /** The client's address. */
  readonly hostname: string;
  /** More of the body has arrived than is taken unasked: may the reading go on? */
  mayRead(exchange: Exchange): boolean;
  /** The last byte of the request has arrived. */
  requestComplete(exchange: Exchange): void;
  /** The body is longer than `maxBody`. */
  bodyTooLong(exchange: Exchange): void;
  /** It is news to somebody when the client shuts its sending side: the exchange is told by `halfClosed`. */
  watchEnd(): void;
  /** More has come of what nobody will read. */
  discard(): void;
  /** Something of an answer is still here: the client may leave it lying only so long. */
  sendsSlowly(): void;
  /** The answer is with the operating system. */
  answerFinished(exchange: Exchange): void;
}

/** Bytes of a body that are taken while nobody waits for requests; then TCP holds the client back. */
const UNASKED_BODY = 65_536;

/** The answer: none yet; status line and headers; a source that is being sent; everything handed to Node. */
const NONE = 0;
const HEAD = 1;
const SENDING = 2;
const WHOLE = 3;

/** What `respond` returns where there is nothing to wait for: the system took the whole answer at once, or the client is gone. */
export const settled = Promise.resolve();

const failureHeaders = { "content-type": "text/plain", connection: "close" };

/** One request on a connection and the answer to it. */
export class Exchange implements BodySink, RequestSource, Sender, Linked<Exchange> {
  readonly raw: Incoming;
  readonly response: Outgoing;
  readonly line: Line;
  /** The status with which the library answers instead of handing the request out, or 0. */
  refusal: number;
  /** What the refusal says, if not just its status. */
  refusalText: string | undefined = undefined;
  /** Has the whole request arrived? */
  complete: boolean;
  body: Buffer = emptyBody;
  /** An upgrade request or CONNECT, at which Node has let go of the socket. */
  upgrades = false;
  /** Does it stand among the requests that nobody has accepted yet? */
  queued = false;
  previous: Exchange | undefined = undefined;
  next: Exchange | undefined = undefined;
  /** Was it handed to whoever answers it? */
  accepted = false;
  /** Is told of the error of its callback, where it was given to one. */
  report: ((error: unknown, exchange: Exchange) => void) | undefined = undefined;
  /** The final status that was sent, or 0. */
  status = 0;
  /** Does the client hold the body back until it is told to go on? */
  expectsContinue: boolean;

  readonly #maxBody: number;
  readonly #announced: number;
  #buffer: BodyBuffer | undefined = undefined;
  #answer = NONE;
  #reply: Reply | undefined = undefined;
  #gone = false;
  /** The client was gone, or going, before the answer was whole. */
  #leaving = false;
  /** What had been written on the connection when the request was accepted, in bytes. */
  #writtenBefore = 0;
  #settle: (() => void) | undefined = undefined;
  #abort: AbortController | undefined = undefined;
  #request: Request | undefined = undefined;
  #bytesBehind: Buffer | undefined = undefined;
  #departure: Departure | undefined = undefined;

  constructor(raw: Incoming, response: Outgoing, line: Line, head: Head, maxBody: number, expects: boolean) {
    this.raw = raw;
    this.response = response;
    this.line = line;
    this.refusal = head.refusal;
    this.complete = head.length === 0;
    this.expectsContinue = expects;
    this.#maxBody = maxBody;
    this.#announced = head.length;
    raw.sink = this;
  }

  /** Bytes of the body so far, and how many were announced (-1: only the end tells). */
  get progress(): { arrived: number; announced: number } {
    return { arrived: this.#buffer?.length ?? this.body.length, announced: this.#announced };
  }

  /** Does the answer end the connection, by the caller's own header? */
  get closes(): boolean {
    return this.#reply?.close === true;
  }

  /** The bytes that have come behind an upgrade request: taken out of the socket, for whoever takes that over. */
  get bytesBehind(): Buffer {
    if (!this.upgrades) return emptyBody;
    return (this.#bytesBehind ??= (this.line.socket.read() as Buffer | null) ?? emptyBody);
  }

  /** Puts back into the socket what `bytesBehind` has taken out. */
  returnBytesBehind(): void {
    if (this.#bytesBehind !== undefined && this.#bytesBehind.length > 0) this.line.socket.unshift(this.#bytesBehind);
  }

  /** Is the socket the callback's, because the answer was the last of HTTP on it? */
  get switched(): boolean {
    return this.upgrades && switchesProtocol(this.raw.method!, this.status);
  }

  /** Has the server itself stopped the body from coming, because nobody waits for requests? */
  get heldBack(): boolean {
    return !this.complete && (this.expectsContinue || (this.#buffer?.length ?? 0) >= UNASKED_BODY);
  }

  /** Has an answer begun that is not whole? */
  get begun(): boolean {
    return this.#answer === HEAD || this.#answer === SENDING;
  }

  /** Was the whole answer handed to Node? */
  get answered(): boolean {
    return this.#answer === WHOLE;
  }

  /** The request as its user sees it. */
  get request(): Request {
    return (this.#request ??= new Request(this));
  }

  /** Aborted when the client goes away before the answer is whole. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      this.line.watchEnd();
      this.#look();
      if (this.#leaving) this.#abort.abort();
    }
    return this.#abort.signal;
  }

  /** Hands the request to whoever answers it. */
  accept(): Request {
    this.accepted = true;
    this.#writtenBefore = this.upgrades ? this.line.socket.bytesWritten : 0;
    return this.request;
  }

  /** It is this request's turn and somebody waits for requests: its body is asked for. */
  read(): void {
    if (this.expectsContinue) {
      this.expectsContinue = false;
      this.response.writeContinue();
    }
    this.line.socket.resume();
  }

  data(chunk: Buffer): boolean {
    if (this.refusal !== 0) {
      this.line.discard();
      return true;
    }
    const buffer = (this.#buffer ??= new BodyBuffer(this.#announced));
    if (buffer.length + chunk.length > this.#maxBody) {
      this.#buffer = undefined;
      this.refusal = 413;
      this.line.bodyTooLong(this);
      return true;
    }
    buffer.append(chunk);
    return buffer.length < UNASKED_BODY || this.line.mayRead(this);
  }

  end(): void {
    if (this.complete || this.refusal !== 0) return;
    this.complete = true;
    if (this.#buffer !== undefined) {
      this.body = this.#buffer.take();
      this.#buffer = undefined;
    }
    this.line.requestComplete(this);
  }

  /** Sends an answer; see `Request.respond`. */
  respond(code: number, given: Content, init: HeadersInit | undefined): Promise<void> {
    const content = normalize(given);
    if (isInterim(code)) return this.#respondInterim(code, init);
    if (this.upgrades && switchesProtocol(this.raw.method!, code)) return this.#respondSwitch(code, init);
    const size = typeof content === "string" ? Buffer.byteLength(content) : isSource(content) ? -1 : content.length;
    try {
      if (this.#answer === HEAD) this.#checkSentHead(code, init);
      else this.#writeHead(code, init, size);
    } catch (error) {
      if (isSource(content)) release(content);
      throw error;
    }
    if (isSource(content)) return this.#respondWithSource(content);
    this.#becomeWhole();
    if (this.#gone) return settled;

    const { hasContent, length } = this.#reply!;
    if (!hasContent) this.response.sendWhole("", this);
    // RFC 9112 6.3: what goes beyond the promised length would be read as the next answer.
    else if (length >= 0 && size > length) this.response.sendWhole(Buffer.from(content as string).subarray(0, length), this);
    else if (typeof content === "string" && size > content.length) this.response.sendWhole(Buffer.from(content), this);
    else this.response.sendWhole(content, this);
    if (hasContent && size < length) this.line.socket.end();
    return this.#settled();
  }

  /** Sends status line and headers; see `Request.sendHeaders`. */
  sendHeaders(init: HeadersInit, code: number): Promise<void> {
    if (isInterim(code)) return this.#respondInterim(code, init);
    this.#writeHead(code, init, -1);
    this.#answer = HEAD;
    if (this.#gone) return settled;
    this.line.sendsSlowly();
    this.response.sendHead();
    return this.#write("");
  }

  /** The answer is with the operating system. */
  finish(): void {
    if (this.#gone) return;
    this.#settle?.();
    this.line.answerFinished(this);
  }

  /** The client is gone: nothing of the answer can arrive any more. */
  leave(): void {
    this.#gone = true;
    this.halfClosed();
    this.#departure?.announce();
    this.#settle?.();
  }

  /** The client shut its sending side. Most that do are going away; one that only has no more to say gets its answer. */
  halfClosed(): void {
    if (this.#answer === WHOLE) return;
    this.#leaving = true;
    this.#abort?.abort();
  }

  /** Has whoever accepted an upgrade request begun another protocol on its socket, without a response? */
  get takenOver(): boolean {
    return this.upgrades && this.accepted && this.#answer === NONE && this.line.socket.bytesWritten > this.#writtenBefore;
  }

  /** Ends the exchange of a callback that failed: 500 where that is still possible, else the client sees a cut. */
  fail(): void {
    if (this.takenOver) this.line.socket.destroy();
    else if (this.#answer === NONE) void this.respond(500, "500 Internal Server Error", failureHeaders);
    else if (this.begun) this.cut();
  }

  /** Is this error only the news that the client has left, as `signal` told it? */
  isDeparture(error: unknown): boolean {
    const reason: unknown = this.#abort?.signal.reason;
    return reason !== undefined && (error === reason || (error as { cause?: unknown } | null)?.cause === reason);
  }

  /** Cuts an answer that has begun, so that the client cannot take it for whole. */
  cut(): void {
    const { socket } = this.line;
    const closeDelimited = this.#reply!.length === -1 && !this.response.chunkedEncoding;
    // RFC 9112 6.3: the end of the connection is the end of such content, so only a reset tells that it is missing.
    if (closeDelimited && this.#reply!.hasContent && isTcp(socket)) socket.resetAndDestroy();
    else socket.destroy();
  }

  #writeHead(code: number, init: HeadersInit | undefined, size: number): void {
    if (this.#answer !== NONE) throw alreadyAnswered(`it was answered with ${this.status} already`);
    const { raw, response } = this;
    const asked = { method: raw.method!, minor: raw.httpVersionMinor, last: !response.shouldKeepAlive };
    const reply = decideReply(code, init, size, asked);
    try {
      response.writeHead(reply.code, reply.reason, reply.headers);
    } catch (error) {
      throw cannotBeSent(error);
    }
    this.#reply = reply;
    this.status = code;
  }

  #checkSentHead(code: number, init: HeadersInit | undefined): void {
    if (code !== this.status) throw alreadyAnswered(`sendHeaders has sent status ${this.status}, got ${code}`);
    if (init !== undefined) throw alreadyAnswered("sendHeaders has sent the headers, so respond takes none");
  }

  #respondInterim(code: number, init: HeadersInit | undefined): Promise<void> {
    const head = this.#bareHead(code, init);
    // RFC 9110 15.2: no 1xx to an HTTP/1.0 client.
    if (this.#gone || this.raw.httpVersionMinor === 0) return settled;
    return this.#write(head);
  }

  async #respondSwitch(code: number, init: HeadersInit | undefined): Promise<void> {
    const head = this.#bareHead(code, init);
    this.#becomeWhole();
    this.status = code;
    if (!this.#gone) await this.#write(head);
    this.finish();
  }

  /** The head of an answer that is nothing else: an interim one, or the one that ends HTTP on the connection. */
  #bareHead(code: number, init: HeadersInit | undefined): string {
    if (this.#answer !== NONE) throw alreadyAnswered(`it was answered with ${this.status}, too late for ${code}`);
    return bareHead(code, init);
  }

  async #respondWithSource(source: Source): Promise<void> {
    this.#answer = SENDING;
    const { hasContent, length } = this.#reply!;
    if (this.#gone || !hasContent) release(source);
    if (this.#gone) return;
    let sent = 0;
    if (hasContent) {
      this.#departure = new Departure();
      this.line.sendsSlowly();
      try {
        sent = await pump(source, this.response, length, this.#departure);
      } catch (error) {
        this.cut();
        throw error;
      }
      this.#departure = undefined;
      if (this.#gone) return;
    }
    this.#becomeWhole();
    this.response.endFor(this);
    if (hasContent && sent < length) this.line.socket.end();
    return this.#settled();
  }

  #becomeWhole(): void {
    this.#look();
    this.#answer = WHOLE;
  }

  /** Has the client shut its sending side while nobody listened for that? */
  #look(): void {
    if (this.line.socket.readableEnded) this.halfClosed();
  }

  #settled(): Promise<void> {
    // The system took everything at once, as it nearly always does.
    if (this.line.socket.writableLength === 0) return settled;
    this.line.sendsSlowly();
    return new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Writes behind all that Node has written for this connection; settles when it is with the system or lost. */
  #write(head: string): Promise<void> {
    return new Promise((resolve) => {
      this.line.socket.write(head, "latin1", () => resolve());
    });
  }
}

/** Only TCP can be reset; TLS and Unix sockets show a cut by their own means. */
function isTcp(socket: Socket): boolean {
  return !("encrypted" in socket) && socket.remoteAddress !== undefined;
}

function alreadyAnswered(how: string): Error {
  return withCode("ERR_ALREADY_ANSWERED", new Error(`the request cannot be answered like this: ${how}`));
}
