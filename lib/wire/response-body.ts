import type { ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { shown, withCode } from "../errors";
import { clearTimeout, setTimeout, util } from "../node";

/**
 * What a response can carry: text (sent as UTF-8), bytes, or a source that yields either as it goes.
 *
 * A source belongs to the library from the moment it is handed over: it is read to its end, or let go of where its content
 * is not needed or not wanted any more. Letting go destroys a stream, cancels a web stream and runs a generator's `finally`.
 *
 * @example
 * import { newAsyncHttpServer, Http200, type Content } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const server = newAsyncHttpServer();
 * const contents: Content[] = ["text", new Uint8Array([0x68, 0x69]), (async function* () { yield "piece by piece"; })()];
 * await server.listen(0);
 * void server.serve((request) => request.respond(Http200, contents.shift()));
 * assert.equal(await (await fetch(server.url)).text(), "text");
 * assert.equal(await (await fetch(server.url)).text(), "hi");
 * assert.equal(await (await fetch(server.url)).text(), "piece by piece");
 * await server.close();
 */
export type Content =
  string | ArrayBufferView | ArrayBuffer | Readable | ReadableStream | AsyncIterable<string | Uint8Array>;

/** Content in the forms that are left: text, bytes, or a source. @internal */
export type Body = string | Buffer | Source;

/** Milliseconds for which the head of a response waits for the first chunk of its source. */
const HEAD_WAIT = 100;

/** A source with this property set to true gets its head on the wire before its first chunk. @internal */
export const headFirst = Symbol("asynchttpserver.headFirst");

/**
 * A stream or async iterable that was handed over.
 *
 * It is read once, or released. Its errors end no process, whether anybody reads it or not.
 *
 * @internal
 */
export class Source {
  /** Does the head go out without waiting for the first chunk? */
  readonly headFirst: boolean;
  readonly #given: AsyncIterable<unknown>;
  #iterator: AsyncIterator<unknown> | undefined = undefined;
  /** Has it come to its end, failed, or been let go of? */
  #ended = false;

  constructor(given: AsyncIterable<unknown>) {
    this.#given = given;
    this.headFirst = (given as { [headFirst]?: boolean })[headFirst] === true;
    // A stream can fail long before it is read.
    const { on } = given as Partial<Readable>;
    if (typeof on === "function") (given as Readable).on("error", ignore);
  }

  /**
   * Gives the next chunk as bytes, or `undefined` at the end.
   *
   * @throws what the source throws, TypeError for a chunk that is neither text nor bytes; then the source has ended, too
   */
  next(): Promise<Buffer | undefined> {
    if (this.#ended) return Promise.resolve(undefined);
    try {
      this.#iterator ??= iterate(this.#given);
      // Not an async function: a response in small chunks is as fast as this is.
      return Promise.resolve(this.#iterator.next()).then(this.#taken, this.#failed);
    } catch (error) {
      this.#ended = true;
      return Promise.reject(error as Error);
    }
  }

  readonly #taken = ({ done, value }: IteratorResult<unknown>): Buffer | undefined => {
    if (done === true) this.#ended = true;
    if (this.#ended) return undefined;
    try {
      return bytesOf(value);
    } catch (error) {
      this.release();
      throw error;
    }
  };

  readonly #failed = (error: unknown): never => {
    this.#ended = true;
    throw error;
  };

  /** Lets go of what will not be read to its end. Never fails, and never waits. */
  release(): void {
    if (this.#ended) return;
    this.#ended = true;
    try {
      const started = this.#iterator !== undefined;
      const iterator = (this.#iterator ??= iterate(this.#given));
      const { destroy } = this.#given as Partial<Readable>;
      if (typeof destroy === "function") (this.#given as Readable).destroy();
      // A generator that never started runs no `finally`: it has not come to its `try` yet.
      else if (!started && util.types.isGeneratorObject(this.#given)) iterator.next().then(undefined, ignore);
      Promise.resolve(iterator.return?.()).then(undefined, ignore);
    } catch {
      // A web stream that somebody else is reading is theirs to end.
    }
  }
}

/** Starts to read a source. A web stream is read by its reader, whose `cancel` need not wait for a pending read. */
function iterate(source: AsyncIterable<unknown>): AsyncIterator<unknown> {
  const { getReader } = source as Partial<ReadableStream>;
  if (typeof getReader !== "function") return source[Symbol.asyncIterator]();
  const reader = (source as ReadableStream).getReader();
  return {
    next: () => reader.read() as Promise<IteratorResult<unknown>>,
    return: () => reader.cancel().then(() => ({ done: true, value: undefined })),
  };
}

/**
 * Reduces content to text, bytes or a source; realm-safe, so that a test environment's own `Uint8Array` will do.
 *
 * @throws TypeError `ERR_INVALID_ARGUMENT` for anything else
 *
 * @internal
 */
export function toBody(content: unknown): Body {
  if (typeof content === "string") return content;
  if (ArrayBuffer.isView(content)) return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  if (util.types.isAnyArrayBuffer(content)) return Buffer.from(content);
  if (typeof content === "object" && content !== null) {
    if (Symbol.asyncIterator in content) return new Source(content as AsyncIterable<unknown>);
    // jsdom's and older web streams have a reader only.
    if (typeof (content as Partial<ReadableStream>).getReader === "function")
      return new Source(content as ReadableStream);
  }
  const problem = `the content must be a string, bytes, a stream or an async iterable, got ${shown(content)}: ${remedyFor(content)}`;
  throw withCode("ERR_INVALID_ARGUMENT", new TypeError(problem));
}

function remedyFor(content: unknown): string {
  if (content === null) return "leave it out for no content";
  if (typeof content === "function") return "call it";
  if (typeof content !== "object") return "make a text of it, with String()";
  const { then, stream, status } = content as { readonly [name: string]: unknown };
  if (typeof then === "function") return "await it first";
  if (typeof stream === "function") return "give its stream()";
  if (typeof status === "number") return "give a fetch Response alone, as the only argument";
  if (content.constructor?.name === "URLSearchParams") return "make a text of it, with String()";
  return "respondJson sends a value as JSON";
}

/** A chunk of a source, as bytes. @internal */
export function bytesOf(chunk: unknown): Buffer {
  const bytes = toBody(chunk);
  if (typeof bytes === "string") return Buffer.from(bytes);
  if (!(bytes instanceof Source)) return bytes;
  bytes.release();
  throw withCode(
    "ERR_INVALID_ARGUMENT",
    new TypeError("a source of content must yield strings or bytes, got another source"),
  );
}

/** Wakes a {@link SourceWriter} when nothing more can be sent, whatever it is waiting for. */
class Disconnection {
  happened = false;
  #wake: (() => void) | undefined = undefined;

  announce(): void {
    this.happened = true;
    this.#wake?.();
  }

  /** Settles as the promise does, or with `undefined` when the client disconnects first; keeps nothing afterwards. */
  before<T>(promise: PromiseLike<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#wake = resolve as () => void;
      if (this.happened) resolve(undefined);
      promise.then(resolve, reject);
    });
  }
}

/** Sends what a source yields, as it comes, and no faster than the client takes it. @internal */
export class SourceWriter {
  readonly #source: Source;
  readonly #disconnection = new Disconnection();
  #first: Promise<Buffer | undefined> | undefined = undefined;

  constructor(source: Source) {
    this.#source = source;
  }

  /**
   * Waits for the first chunk, but only for a moment: an event stream may have none for minutes.
   *
   * @throws what the source throws, while nothing is on the wire yet
   */
  async start(): Promise<void> {
    this.#first = this.#source.next();
    if (this.#source.headFirst) {
      // Its failure is met again where the chunk is read.
      this.#first.catch(ignore);
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    const moment = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, HEAD_WAIT, undefined);
    });
    try {
      await this.#disconnection.before(Promise.race([this.#first, moment]));
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Writes the content behind the head that is out.
   *
   * @param limit the Content-Length that was promised, or -1; what exceeds it is not sent
   * @returns how many bytes were handed to Node, once the source has ended, the limit is reached or nothing more can be sent
   * @throws what the source throws
   */
  async write(response: ServerResponse, limit: number): Promise<number> {
    const disconnection = this.#disconnection;
    let sent = 0;
    for (;;) {
      let bytes = await disconnection.before(this.#first ?? this.#source.next());
      this.#first = undefined;
      // Another listener of `server.node` may have ended the response.
      if (bytes === undefined || response.writableEnded) break;
      const exceeds = limit >= 0 && sent + bytes.length > limit;
      if (exceeds) bytes = bytes.subarray(0, limit - sent);
      sent += bytes.length;
      const drained = bytes.length === 0 || response.write(bytes);
      if (exceeds) break;
      if (!drained) await disconnection.before(new Promise((resolve) => response.once("drain", resolve)));
    }
    return sent;
  }

  /** Nothing more can be sent: the client disconnected, or the handler failed. */
  stop(): void {
    this.#disconnection.announce();
  }
}

function ignore(): void {}
