import type { IncomingMessage } from "node:http";
import { http } from "../node";

/** Where the parser's body chunks go instead of into a stream. */
export interface BodySink {
  /** The whole body; meaningful once the message is complete. */
  readonly body: Buffer;
  /** Takes the next chunk. `false` stops the reading of the connection. */
  data(chunk: Buffer): boolean;
  /** The message is complete. */
  end(): void;
}

/** Node's own object of all header fields, which it makes when it is first asked for it. */
const allFields = Object.getOwnPropertyDescriptor(http.IncomingMessage.prototype, "headers") as Required<PropertyDescriptor>;

/** What Node finds where it looks for an `Expect` that is not there. */
const noFields = Object.freeze({});

/** What Node's server calls when an answer is finished and nobody has read the request. */
const dump = (http.IncomingMessage.prototype as { _dump?(this: IncomingMessage): void })._dump;

/**
 * The `http.IncomingMessage` of every request: its body goes to a sink, straight from the parser.
 *
 * A stream that nobody reads still costs its whole life: buffering, `'readable'`, `resume`, `'end'`, `'close'`. Here the
 * bytes never enter it. Whoever reads the message as a stream later (`request.raw.pipe(…)`) is given the body again.
 */
export class Incoming extends http.IncomingMessage {
  /** Set before the first chunk can arrive; a message that Node answers by itself has none and stays a plain stream. */
  sink: BodySink | undefined = undefined;
  /** An upgrade request with a body on a Node that reads that itself: an ordinary request, and the last on its connection. */
  declinesUpgrade = false;
  /**
   * The next look at the header fields is Node's own: whether there is an `Expect`. For that it would make an object of
   * all fields, which takes longer than all that this library does.
   */
  nodeLooks = false;
  #reader = false;

  override push(chunk: unknown): boolean {
    const sink = this.sink;
    if (sink === undefined) return super.push(chunk);
    if (chunk !== null) return sink.data(chunk as Buffer);
    sink.end();
    if (this.#reader) this.#replay();
    return false;
  }

  override _read(size: number): void {
    if (this.sink === undefined) return super._read(size);
    this.#reader = true;
    if (this.complete) this.#replay();
  }

  /** Nothing is left to discard in a message whose body went to the sink. */
  _dump(): void {
    if (this.sink === undefined) dump?.call(this);
  }

  #replay(): void {
    const body = this.sink!.body;
    if (body.length > 0) super.push(body);
    super.push(null);
  }
}

Object.defineProperty(Incoming.prototype, "headers", {
  configurable: true,
  get(this: Incoming): object {
    const needless = this.nodeLooks && this.sink === undefined && !haveExpect(this.rawHeaders);
    this.nodeLooks = false;
    return needless ? noFields : (allFields.get.call(this) as object);
  },
  set: allFields.set,
});

function haveExpect(lines: readonly string[]): boolean {
  for (let i = 0; i < lines.length; i += 2) {
    if (lines[i]!.length === 6 && lines[i]!.toLowerCase() === "expect") return true;
  }
  return false;
}

const streamEnded = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(http.IncomingMessage.prototype) as object,
  "readableEnded",
);

/** A complete message counts as read to its end; Node's server then lets go of it without listening for `'end'`. */
Object.defineProperty(Incoming.prototype, "readableEnded", {
  configurable: true,
  get(this: Incoming): boolean {
    return this.sink === undefined ? (streamEnded?.get?.call(this) as boolean) : this.complete;
  },
});
