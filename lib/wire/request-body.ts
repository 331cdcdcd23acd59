import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { Caller, withCode } from "../errors";
import { stream } from "../node";
import { BodyBuffer, emptyBody } from "./body-buffer";
import type { Exchange } from "./exchange";
import {
  bytesStreamed,
  explainAbort,
  exposeBody,
  failBody,
  isReadByOthers,
  keepBody,
  leaveBody,
  onFirstRead,
  readBody,
  receiveBody,
  resumeBody,
  shareBody,
  type BodySink,
} from "./incoming-message";
import type { Refusal } from "./response-head";
import { BODY, REQUEST, type BodyDestination, type RequestState } from "./states";

/** Bytes of a body that are read while nobody waits for requests; then TCP holds the client back. */
const UNASKED_BODY = 65_536;

/** Why a body cannot be read. */
const DISCARDED = "the response was sent before it was read, and what was left of it discarded";
const DESTROYED = "its stream was destroyed";
const READ = "bodyStream was read already";

/** How a server takes bodies. */
export interface BodyOptions {
  /** Bytes of a body that are gathered; one more is refused. */
  readonly maxBody: number;
  /** Are requests handed out before their bodies are whole? */
  readonly stream: boolean;
}

/** A request as it arrives: its body, gathered or streamed, and whether the library refuses it. */
export class RequestBody implements BodySink, BodySource {
  /** Is the request handed out before this body is whole? */
  readonly streamed: boolean;
  /** The Content-Length, or -1 where only the end tells. */
  readonly announced: number;
  /** The error response of the library; set where the state is `refused`. */
  refusal: Refusal | undefined = undefined;

  readonly #exchange: Exchange;
  readonly #raw: IncomingMessage;
  readonly #maxBody: number;
  #state: RequestState;
  #destination: BodyDestination;
  #buffer: BodyBuffer | undefined = undefined;
  #whole: Buffer = emptyBody;
  /** What `readBody` has returned, and what settles it. */
  #reading: Promise<Buffer> | undefined = undefined;
  #settle: (() => void) | undefined = undefined;
  #stream: BodyStream | undefined = undefined;
  /** Ends the flow of the message into the stream. */
  #unplug: (() => void) | undefined = undefined;
  /** What a handler that reads the stream is told of a client that disconnected. */
  #failure: Error | undefined = undefined;

  /** @param awaitsContinue does the client hold the body back until it is told to go on? */
  constructor(exchange: Exchange, { maxBody, stream }: BodyOptions, awaitsContinue: boolean) {
    const { raw, head } = exchange;
    this.#exchange = exchange;
    this.#raw = raw;
    this.#maxBody = maxBody;
    this.announced = head.length;
    this.streamed = stream && head.refusal === 0;
    if (head.refusal !== 0) this.refusal = { status: head.refusal };
    if (head.refusal !== 0) this.#state = "refused";
    else if (head.length === 0) this.#state = "complete";
    else this.#state = awaitsContinue ? "awaiting-continue" : "receiving";
    if (!this.streamed || this.#state === "complete") {
      this.#destination = "gathering";
      receiveBody(raw, this, this.#state !== "complete" && this.#state !== "refused");
    } else {
      this.#destination = keepBody(raw, this) ? "kept" : "flowing";
      if (awaitsContinue) onFirstRead(raw, () => this.#continue());
      explainAbort(raw, (cause) => this.#disconnection(cause));
    }
  }

  get state(): RequestState {
    return this.#state;
  }

  /** Has all of it arrived? */
  get complete(): boolean {
    return this.#state === "complete" || ((this.streamed || this.#state === "left") && this.#raw.complete);
  }

  /** Can the request be handed out? */
  get ready(): boolean {
    return this.#state === "complete" || (this.streamed && this.#state !== "refused" && this.#state !== "left");
  }

  /** How many bytes have arrived. */
  get length(): number {
    if (this.#destination === "flowing") return bytesStreamed(this.#raw);
    return this.#buffer?.length ?? this.#whole.length;
  }

  get received(): Buffer {
    return this.#buffer?.peek() ?? this.#whole;
  }

  /** Has the server itself paused the body, because nobody waits for requests, or its handler does not read on? */
  get heldBack(): boolean {
    if (this.complete || this.#state === "refused") return false;
    if (this.#state === "awaiting-continue") return true;
    if (this.#destination === "flowing") return this.#raw.readableLength >= this.#raw.readableHighWaterMark;
    // What `readBody` gathers is read as it comes.
    return !(this.streamed && this.#destination === "gathering") && this.length >= UNASKED_BODY;
  }

  /** Does something of it lie here that nobody reads? */
  get unread(): boolean {
    return this.#raw.readableLength > 0;
  }

  /** @throws Error `ERR_BODY_NOT_READ` before a streamed body was gathered */
  get whole(): Buffer {
    if (this.#state === "complete") return this.#whole;
    const problem = `the body of ${this.#exchange} was not read: await request.readBody() first, or read request.bodyStream`;
    throw withCode("ERR_BODY_NOT_READ", new Error(problem));
  }

  /** It is this request's turn and somebody waits for requests: the body is asked for. */
  read(): void {
    this.#continue();
    resumeBody(this.#raw);
  }

  /** The handler itself has told the client to send the body. */
  continued(): void {
    this.#become("receiving");
  }

  data(chunk: Buffer): boolean {
    if (this.#state === "refused" || this.#state === "left") return true;
    const buffer = (this.#buffer ??= new BodyBuffer(this.announced));
    if (this.#destination === "gathering" && buffer.length + chunk.length > this.#maxBody) {
      this.#tooLong();
      return true;
    }
    buffer.append(chunk);
    if (buffer.length < UNASKED_BODY) return true;
    return this.streamed ? this.#destination === "gathering" : this.#exchange.connection.wantsBody(this.#exchange);
  }

  exposed(): boolean {
    if (!this.#goTo("flowing")) return true;
    this.#buffer = undefined;
    return false;
  }

  end(): void {
    if (this.#destination !== "gathering" || !this.#become("complete")) return;
    if (this.#buffer !== undefined) {
      this.#whole = this.#buffer.take();
      this.#buffer = undefined;
    }
    if (this.streamed) this.#settle?.();
    else this.#exchange.connection.advance(this.#exchange);
  }

  /** Makes the response an error of the library, sent when it is the turn of this request. */
  refuse(refusal: Refusal): void {
    if (!this.#become("refused")) return;
    this.refusal = refusal;
    this.#buffer = undefined;
  }

  /** Nothing more of it can be read: fails what a handler may still wait for. */
  breakOff(how = ", and the client got an error"): void {
    if (this.streamed) failBody(this.#raw, this.#fail(`the body of ${this.#exchange} broke off${how}`));
  }

  /** The client disconnected: Node does not tell a message whose response is out. */
  disconnect(): void {
    if (!this.complete && !this.#raw.destroyed) failBody(this.#raw, this.#disconnection());
  }

  /**
   * The response is out: what still comes of the body is discarded, unless a handler is reading it.
   *
   * @param always even then: the handler does not read on
   */
  discard(always = false): void {
    if (this.#isBeingRead && !always) return;
    const raw = this.#raw;
    if (this.#stream?.begun === true) this.#stream.destroy(this.#notReadable(DISCARDED));
    exposeBody(raw);
    raw.unpipe();
    // A stream flows for nobody while somebody listens for 'readable'.
    if (always && raw.listenerCount("readable") > 0) failBody(raw, this.#notReadable(DISCARDED));
    else raw.resume();
  }

  /** The body as a stream for its handler; see `Request.bodyStream`. */
  get stream(): Readable {
    return (this.#stream ??= new BodyStream(this));
  }

  begin(stream: BodyStream): void {
    const problem = this.#problem();
    if (problem !== undefined) return void stream.destroy(problem);
    if (this.#reading !== undefined || this.#state === "complete") {
      (this.#reading ?? Promise.resolve(this.#whole)).then(
        (whole) => {
          stream.push(whole);
          stream.push(null);
        },
        (error: Error) => stream.destroy(error),
      );
      return;
    }
    const raw = this.#raw;
    const onData = (chunk: Buffer): void => {
      if (!stream.push(chunk)) raw.pause();
    };
    const onEnd = (): unknown => stream.push(null);
    const onError = (error: Error): unknown => stream.destroy(error);
    const onClose = (): void => {
      if (!raw.readableEnded) stream.destroy(this.#notReadable(DESTROYED));
    };
    raw.on("data", onData).on("end", onEnd).on("error", onError).on("close", onClose);
    this.#unplug = () => {
      this.#unplug = undefined;
      raw.off("data", onData).off("end", onEnd).off("error", onError).off("close", onClose);
    };
  }

  resume(): void {
    if (this.#unplug !== undefined) this.#raw.resume();
  }

  stop(): void {
    if (this.#unplug === undefined) return;
    this.#unplug();
    // TCP holds the client back, until the response is out.
    if (!this.#raw.readableEnded) this.#raw.pause();
  }

  /** The message as a stream, whole for everybody who reads it. */
  expose(): IncomingMessage {
    exposeBody(this.#raw);
    return this.#raw;
  }

  /** Other listeners of `server.node` have the message, too. */
  share(): void {
    shareBody(this.#raw);
  }

  /** Gathers a streamed body up to `maxBody`; see `Request.readBody`. */
  gather(entry: () => unknown): Promise<Buffer> {
    // Nothing to wait for, as with most small bodies.
    if (this.#destination === "kept" && this.#raw.complete && this.#canBeGathered()) {
      this.#goTo("gathering");
      this.end();
    }
    if (this.#state === "complete" && this.#reading === undefined) return Promise.resolve(this.#whole);
    return (this.#reading ??= this.#exchange.watch(this.#gather(entry)));
  }

  /** Is this what a handler was told of a client that disconnected? */
  isFailure(error: unknown): boolean {
    return error !== undefined && error === this.#failure;
  }

  #gather(entry: () => unknown): Promise<Buffer> {
    const raw = this.#raw;
    const wasRead = raw.readableDidRead || this.#stream?.begun === true;
    const problem = this.#problem() ?? (wasRead ? this.#notReadable(READ) : undefined);
    if (problem !== undefined) return Promise.reject(new Caller(entry).blame(problem));
    return new Promise((resolve, reject) => {
      const settle = (error?: unknown): void => {
        raw.removeListener("error", settle).removeListener("close", onClose);
        if (error !== undefined) reject(error as Error);
        else if (this.#state === "complete") resolve(this.#whole);
        else reject(this.#longerThanMaxBody());
      };
      // Who destroys the message without an error destroys this, too.
      const onClose = (): void => settle(this.#failure ?? this.#notReadable(DESTROYED));
      this.#settle = settle;
      raw.on("error", settle).on("close", onClose);
      const kept = this.#destination === "kept";
      if (this.announced > this.#maxBody || this.length > this.#maxBody) return this.#tooLong();
      this.#goTo("gathering");
      if (!kept) return readBody(raw, this);
      this.#continue();
      resumeBody(raw);
    });
  }

  /** Does a handler read it: by `readBody`, by `bodyStream` that it has not destroyed, or by Node's own message? */
  get #isBeingRead(): boolean {
    if (this.#reading !== undefined) return true;
    return this.#stream?.begun === true ? this.#unplug !== undefined : this.#raw.readableDidRead;
  }

  #canBeGathered(): boolean {
    return this.length <= this.#maxBody && this.#stream?.begun !== true && this.#problem() === undefined;
  }

  /** Why it cannot be read any more, if that is so. */
  #problem(): Error | undefined {
    if (this.#state === "complete") return undefined;
    if (this.#failure !== undefined) return this.#failure;
    const { answered, responseState } = this.#exchange;
    // Behind a response the client need not send it, and what it sends is discarded.
    const late = answered || (responseState !== "none" && this.#state === "awaiting-continue" && !this.#raw.complete);
    if (late) return this.#notReadable(DISCARDED);
    // The end of a `for await` destroys it, too.
    const { readableEnded, destroyed } = this.#raw;
    if (readableEnded || (destroyed && this.#stream?.begun === true)) return this.#notReadable(READ);
    return destroyed ? this.#notReadable(DESTROYED) : undefined;
  }

  #tooLong(): void {
    if (!this.streamed && isReadByOthers(this.#raw) && this.#become("left")) {
      this.#buffer = undefined;
      return leaveBody(this.#raw);
    }
    this.refuse({ status: 413 });
    if (!this.streamed) return this.#exchange.connection.advance(this.#exchange);
    this.#exchange.sendError({ status: 413 });
    this.#settle?.();
  }

  /** Tells a client that waits for it to send the body; never behind a response. */
  #continue(): void {
    if (this.#state !== "awaiting-continue" || this.#exchange.responseState !== "none") return;
    // It sent the body unasked.
    if (this.#raw.complete) return;
    this.#become("receiving");
    this.#exchange.response.writeContinue();
  }

  #become(next: RequestState): boolean {
    if (!REQUEST[this.#state].includes(next)) return false;
    this.#state = next;
    return true;
  }

  #goTo(next: BodyDestination): boolean {
    if (!BODY[this.#destination].includes(next)) return false;
    this.#destination = next;
    return true;
  }

  #disconnection(cause?: Error): Error {
    return this.#fail(`the client disconnected before the body of ${this.#exchange} was whole`, cause);
  }

  #fail(problem: string, cause?: Error): Error {
    const error = new Error(problem, cause === undefined ? {} : { cause });
    return (this.#failure = withCode("ERR_CLIENT_DISCONNECTED", error));
  }

  #notReadable(why: string): Error {
    return withCode("ERR_BODY_NOT_READABLE", new Error(`the body of ${this.#exchange} cannot be read: ${why}`));
  }

  #longerThanMaxBody(): RangeError {
    const problem = `the body of ${this.#exchange} is longer than maxBody, ${this.#maxBody} bytes`;
    return withCode("ERR_BODY_TOO_LARGE", new RangeError(problem));
  }
}

/** Where a {@link BodyStream} has its bytes from. */
interface BodySource {
  /** The first read: from now on every chunk is pushed into the stream, then `null`; or the stream is destroyed. */
  begin(stream: BodyStream): void;
  /** The stream takes more again. */
  resume(): void;
  /** The stream was destroyed: its reader wants no more. */
  stop(): void;
}

/**
 * The body of a request, for its handler to read.
 *
 * A layer above Node's message: a message that is destroyed before it is whole takes its connection along, but a handler
 * that stops reading, or whose pipeline fails, still has a response to send.
 */
class BodyStream extends stream.Readable {
  readonly #source: BodySource;
  #begun = false;

  constructor(source: BodySource) {
    super();
    this.#source = source;
  }

  /** Was it read? */
  get begun(): boolean {
    return this.#begun;
  }

  override _read(): void {
    if (this.#begun) return this.#source.resume();
    this.#begun = true;
    this.#source.begin(this);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#begun) this.#source.stop();
    // As Node has it for its messages: one on which nobody listens for errors ends no process.
    callback(this.listenerCount("error") === 0 ? null : error);
  }
}
