import type { IncomingMessage } from "node:http";
import { http, setImmediate, stream, util } from "../node";

/** Where the bytes of a request body go. */
export interface BodySink {
  /** What has arrived so far, as one buffer. */
  readonly received: Buffer;
  /** Takes the next chunk. `false` pauses the reading; see {@link resumeBody}. */
  data(chunk: Buffer): boolean;
  /** The message is complete. */
  end(): void;
  /** From now on the message is a stream, which has what was received. Does the sink still take its chunks? */
  exposed(): boolean;
}

/** What Node's server calls when a response has finished and nobody has read the request. */
const dump = (http.IncomingMessage.prototype as { _dump?(this: IncomingMessage): void })._dump;

/**
 * The `http.IncomingMessage` of every request: while it has a sink, its body goes there straight from Node's parser.
 *
 * A stream that nobody reads still costs its whole life: buffering, `'readable'`, `resume`, `'end'`, `'close'`. Here the
 * bytes stay out of it until somebody wants the message as a stream; from then on both get every byte.
 *
 * Relies on this of Node's insides: its parser hands a body to `push`, and its server discards a request that nobody has
 * read by `_dump`. Where Node makes messages of another class, {@link receiveBody} reads the stream by its public face.
 */
export class Incoming extends http.IncomingMessage {
  sink: BodySink | undefined = undefined;
  /** Bytes of the body that went into the stream alone. */
  streamed = 0;
  /** Did the response end without anybody having wanted the body as a stream? */
  discarded = false;
  #exposed = false;

  override push(chunk: unknown): boolean {
    if (this.sink === undefined) {
      if (chunk !== null) this.streamed += (chunk as Buffer).length;
      return super.push(chunk);
    }
    // The sink may run a handler, and that may expose the stream: then this chunk is in it already.
    const exposed = this.#exposed;
    let more = false;
    if (chunk === null) this.sink.end();
    else more = this.sink.data(toBuffer(chunk));
    if (!exposed) return more;
    // What the sink holds the stream may hold, too: only where the sink has let go does the stream's reader set the pace.
    const taken = super.push(chunk);
    return this.sink === undefined ? taken : more;
  }

  override _read(size: number): void {
    this.expose();
    super._read(size);
  }

  /** Puts what the sink has into the stream, where all that follows goes, too. */
  expose(): void {
    if (this.sink === undefined || this.#exposed) return;
    this.#exposed = true;
    this.discarded = false;
    const { received } = this.sink;
    if (!this.sink.exposed()) {
      this.streamed = received.length;
      this.sink = undefined;
    }
    if (received.length > 0) super.push(received);
    if (this.complete) super.push(null);
  }

  /** Nothing is left to discard where the body went to the sink alone. */
  _dump(): void {
    if (!this.complete || this.listenerCount("end") > 0 || this.listenerCount("close") > 0) this.expose();
    if (this.sink === undefined || this.#exposed) dump?.call(this);
    // Node lets go of a message that shows itself as ended; of one that is incomplete it must not.
    else if (this.complete) this.discarded = true;
  }
}

// A message whose body nobody wanted shows what it would if that had been read and thrown away.
for (const [name, shown] of [
  ["destroyed", true],
  ["closed", true],
  ["readableEnded", true],
  ["readable", false],
] as const) {
  const inherited = Object.getOwnPropertyDescriptor(stream.Readable.prototype, name);
  if (inherited?.get === undefined) continue;
  const { get } = inherited;
  Object.defineProperty(Incoming.prototype, name, {
    ...inherited,
    get(this: Incoming): unknown {
      return this.discarded ? shown : get.call(this);
    },
  });
}

/**
 * Hands the body of a message to a sink, and leaves the message readable from its start for everybody else.
 *
 * To be called in the turn in which Node emits the request.
 *
 * @param isWanted is there a body, and is it not refused already?
 */
export function receiveBody(raw: IncomingMessage, sink: BodySink, isWanted: boolean): void {
  if (isIncoming(raw)) raw.sink = sink;
  else if (isWanted) readBody(raw, sink);
}

/** Is this a message of ours, also if somebody has replaced its prototype, as Express does? */
function isIncoming(raw: IncomingMessage): raw is Incoming {
  return "sink" in raw;
}

/** Makes a message, which has arrived whole, readable as a stream by any way, even if its prototype is replaced. */
export function exposeBody(raw: IncomingMessage): void {
  if (isIncoming(raw)) Incoming.prototype.expose.call(raw);
}

/** Like {@link exposeBody}, for a message that others have as well: they may replace its prototype before its body comes. */
export function shareBody(raw: IncomingMessage): void {
  exposeBody(raw);
  // A property of its own outlives that.
  if (isIncoming(raw)) raw.push = Incoming.prototype.push;
}

/** Does anybody read this message as a stream, beside its sink? */
export function isReadByOthers(raw: IncomingMessage): boolean {
  const gatherer = gatherers.get(raw);
  if (gatherer !== undefined) return gatherer.shared;
  return raw.listenerCount("data") > 0 || raw.listenerCount("readable") > 0;
}

/** Leaves the rest of a body to those who read it as a stream. */
export function leaveBody(raw: IncomingMessage): void {
  if (isIncoming(raw)) raw.sink = undefined;
  else gatherers.get(raw)?.stop();
}

/**
 * Like {@link receiveBody}, for a body that nobody may ever read.
 *
 * @returns `false` where only the public face of the message is there: to use that would read the body at once
 */
export function keepBody(raw: IncomingMessage, sink: BodySink): boolean {
  if (!isIncoming(raw)) return false;
  raw.sink = sink;
  return true;
}

/**
 * How many bytes have arrived of a body without a sink.
 *
 * By the public face of a message that is not known: then these are the bytes that nobody has read yet.
 */
export function bytesStreamed(raw: IncomingMessage): number {
  return isIncoming(raw) ? raw.streamed : raw.readableLength;
}

/** Tells, once, when a message is first read as a stream. */
export function onFirstRead(raw: IncomingMessage, listener: () => void): void {
  // A property of its own: it outlives a prototype that somebody replaces, as Express does.
  raw._read = function (this: IncomingMessage, size: number): void {
    Reflect.deleteProperty(this, "_read");
    listener();
    this._read(size);
  };
}

/** Gives the error of a message whose client disconnects a message of its own; Node's says "aborted". */
export function explainAbort(raw: IncomingMessage, explain: (cause: Error) => Error): void {
  raw._destroy = function (this: IncomingMessage, error: Error | null, callback: (error?: Error | null) => void): void {
    Reflect.deleteProperty(this, "_destroy");
    const aborted = error !== null && (error as NodeJS.ErrnoException).code === "ECONNRESET" && !this.complete;
    this._destroy(aborted ? explain(error) : error, callback);
  };
}

/** Fails a message that will never be complete, but leaves its socket open: Node would destroy that as well. */
export function failBody(raw: IncomingMessage, error: Error): void {
  raw._destroy = function (
    this: IncomingMessage,
    _error: Error | null,
    callback: (error?: Error | null) => void,
  ): void {
    this.aborted = true;
    this.emit("aborted");
    // As Node has it: a message on which nobody listens for errors ends no process.
    setImmediate(() => callback(this.listenerCount("error") === 0 ? null : error));
  };
  raw.destroy(error);
}

/** What gathers a body by the public face of its stream. */
const gatherers = new WeakMap<IncomingMessage, Gatherer>();

/**
 * Reads a body through the public face of its stream, then puts it back, so that others can read it as well.
 *
 * A sink that pauses the reading goes on with {@link resumeBody}. Who begins to read while the body is gathered gets all
 * of it, and sets the pace from then on.
 */
export function readBody(raw: IncomingMessage, sink: BodySink): void {
  gatherers.set(raw, new Gatherer(raw, sink));
}

class Gatherer {
  /** Has somebody else begun to read? */
  shared = false;
  readonly #raw: IncomingMessage;
  #sink: BodySink | undefined;
  #paused = false;
  /** Bytes that were put back, and come once more. */
  #again = 0;

  constructor(raw: IncomingMessage, sink: BodySink) {
    this.#raw = raw;
    this.#sink = sink;
    raw
      .on("readable", this.#read)
      .on("data", this.#onData)
      .on("end", this.#onEnd)
      .on("newListener", this.#onNewListener);
    if (raw.listenerCount("data") > 1 || raw.listenerCount("readable") > 1) this.#share();
    // Of an end that has come already, and of nothing before it, a stream need not tell.
    else if (raw.complete) setImmediate(this.#read);
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (!this.shared) setImmediate(this.#read);
  }

  /** Reads on, for nobody but the sink, at the pace of the client. */
  drain(): void {
    if (this.shared) return;
    this.shared = true;
    const raw = this.#raw;
    raw.off("newListener", this.#onNewListener).off("readable", this.#read);
    const isRead = raw.listeners("data").some((listener) => listener !== this.#onData);
    if (!isRead && raw.listenerCount("readable") === 0) raw.resume();
  }

  /** Leaves the rest to others, or to nobody. */
  stop(): void {
    this.#sink = undefined;
    const raw = this.#raw;
    raw
      .off("newListener", this.#onNewListener)
      .off("readable", this.#read)
      .off("data", this.#onData)
      .off("end", this.#onEnd);
  }

  readonly #read = (): void => {
    const raw = this.#raw;
    // What is read comes as 'data', to everybody who listens for that.
    while (this.#sink !== undefined && !this.shared && !this.#paused && raw.readableLength > 0)
      if (raw.read() === null) break;
    // RFC 9112 8 is the parser's: it says so in the turn of the last bytes.
    if (this.#sink === undefined || this.shared || !raw.complete || raw.readableLength > 0) return;
    const sink = this.#sink;
    const { received } = sink;
    this.stop();
    // Before 'end', which Node emits a turn after the last byte was read.
    if (received.length > 0 && !raw.readableEnded) raw.unshift(received);
    // Node takes note a turn later that nobody listens for 'readable'; who does so until then would hear nothing.
    setImmediate(() => {
      if (raw.readableLength > 0 && raw.listenerCount("readable") > 0) raw.emit("readable");
    });
    sink.end();
  };

  readonly #onData = (chunk: unknown): void => {
    const bytes = toBuffer(chunk);
    const known = Math.min(this.#again, bytes.length);
    this.#again -= known;
    if (known < bytes.length && this.#sink?.data(bytes.subarray(known)) === false && !this.shared) this.#paused = true;
  };

  readonly #onEnd = (): void => {
    const sink = this.#sink;
    this.stop();
    sink?.end();
  };

  readonly #onNewListener = (event: string | symbol): void => {
    if (event === "data" || event === "readable") this.#share();
  };

  #share(): void {
    if (this.shared) return;
    this.shared = true;
    const raw = this.#raw;
    const received = this.#sink?.received ?? toBuffer("");
    this.#again = received.length;
    if (received.length > 0 && !raw.readableEnded) raw.unshift(received);
    // With it goes what keeps the stream from flowing to those who listen for 'data'.
    raw.off("readable", this.#read);
  }
}

/** Discards what Node, behind a response, takes for read, since the library itself has read it. */
export function dumpBody(raw: IncomingMessage): void {
  if (!isIncoming(raw)) gatherers.get(raw)?.drain();
}

/** Goes on with a body after its sink has paused it. */
export function resumeBody(raw: IncomingMessage): void {
  gatherers.get(raw)?.resume();
  raw.socket.resume();
}

/** Bytes as Node's own kind; other runtimes' messages have chunks of the language's kind. */
function toBuffer(chunk: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk;
  if (util.types.isUint8Array(chunk)) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return Buffer.from(String(chunk));
}
