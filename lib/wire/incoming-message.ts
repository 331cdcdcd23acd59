import type { IncomingMessage } from "node:http";
import { http, stream, util } from "../node";
import { setImmediate } from "../timers";

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
for (const [name, shown] of [["destroyed", true], ["closed", true], ["readableEnded", true], ["readable", false]] as const) {
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
 */
export function receiveBody(raw: IncomingMessage, sink: BodySink): void {
  if (isIncoming(raw)) raw.sink = sink;
  else readBody(raw, sink);
}

/** Is this a message of ours, also if somebody has replaced its prototype, as Express does? */
function isIncoming(raw: IncomingMessage): raw is Incoming {
  return "sink" in raw;
}

/** Makes a message, which has arrived whole, readable as a stream by any way, even if its prototype is replaced. */
export function exposeBody(raw: IncomingMessage): void {
  if (isIncoming(raw)) Incoming.prototype.expose.call(raw);
}

/** The same for a message that others have as well, who may replace its prototype before its body comes. */
export function shareBody(raw: IncomingMessage): void {
  exposeBody(raw);
  // A property of its own outlives that.
  if (isIncoming(raw)) raw.push = Incoming.prototype.push;
}

/** Does anybody read this message as a stream, beside its sink? */
export function isReadByOthers(raw: IncomingMessage): boolean {
  const own = isIncoming(raw) ? 0 : 1;
  return raw.listenerCount("data") > 0 || raw.listenerCount("readable") > own;
}

/** Leaves the rest of a body to those who read it as a stream. */
export function leaveBody(raw: IncomingMessage): void {
  if (isIncoming(raw)) raw.sink = undefined;
}

/** The same for a body that nobody may ever read; `false` where only its public face is there, which would read it at once. */
export function keepBody(raw: IncomingMessage, sink: BodySink): boolean {
  if (!isIncoming(raw)) return false;
  raw.sink = sink;
  return true;
}

/** How many bytes of a body have arrived that has no sink; 0 where nobody knows. */
export function bytesStreamed(raw: IncomingMessage): number {
  return isIncoming(raw) ? raw.streamed : 0;
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

/** Fails a message that will never be complete, and leaves its socket to whoever ends that. */
export function failBody(raw: IncomingMessage, error: Error): void {
  raw._destroy = function (this: IncomingMessage, _error: Error | null, callback: (error?: Error | null) => void): void {
    this.aborted = true;
    this.emit("aborted");
    // As Node has it: a message on which nobody listens for errors ends no process.
    setImmediate(() => callback(this.listenerCount("error") === 0 ? null : error));
  };
  raw.destroy(error);
}

/**
 * Reads a body through the public face of its stream, then puts it back, so that others can read it as well.
 *
 * A sink that pauses the reading goes on with {@link resumeBody}.
 */
export function readBody(raw: IncomingMessage, sink: BodySink): void {
  let ended = false;
  const read = (): void => {
    if (ended) return;
    while (raw.readableLength > 0) {
      const chunk: unknown = raw.read();
      if (chunk === null) break;
      if (!sink.data(toBuffer(chunk))) {
        raw.removeListener("readable", read);
        raw.once(RESUMED, () => raw.on("readable", read));
        return;
      }
    }
    // RFC 9112 8 is the parser's: it says so in the turn of the last bytes.
    if (!raw.complete || raw.readableLength > 0) return;
    ended = true;
    raw.removeListener("readable", read);
    const { received } = sink;
    // Before 'end', which Node emits a turn after the last byte was read.
    if (received.length > 0 && !raw.readableEnded) raw.unshift(received);
    sink.end();
  };
  raw.on("readable", read);
  // Of an end that has come already, and of nothing before it, a stream need not tell.
  if (raw.complete) setImmediate(read);
}

const RESUMED = Symbol("resumed");

/** Goes on with a body after its sink has paused it. */
export function resumeBody(raw: IncomingMessage): void {
  raw.emit(RESUMED);
  raw.socket.resume();
}

/** Bytes as Node's own kind; other runtimes' messages have chunks of the language's kind. */
function toBuffer(chunk: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk;
  if (util.types.isUint8Array(chunk)) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return Buffer.from(String(chunk));
}
