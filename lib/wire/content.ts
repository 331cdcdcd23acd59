import type { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { withCode } from "../errors";
import { util } from "../node";

/**
 * What an answer can carry: text (sent as UTF-8), bytes, or a source that yields either as it goes.
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
  | string
  | ArrayBufferView
  | ArrayBuffer
  | Readable
  | ReadableStream
  | AsyncIterable<string | Uint8Array>;

/** @internal */
export type Source = AsyncIterable<string | Uint8Array>;

/**
 * Reduces content to text, bytes or a source; realm-safe, so that a test environment's own `Uint8Array` will do.
 *
 * @internal
 */
export function normalize(content: unknown): string | Buffer | Source {
  if (typeof content === "string") return content;
  if (ArrayBuffer.isView(content)) return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  if (util.types.isAnyArrayBuffer(content)) return Buffer.from(content);
  if (typeof content === "object" && content !== null && Symbol.asyncIterator in content) return content as Source;
  throw withCode(
    "ERR_INVALID_ARGUMENT",
    new TypeError(
      "the content must be a string, bytes, a stream or an async iterable (an object wants JSON.stringify first), " +
        `got ${content === null ? "null" : typeof content}`,
    ),
  );
}

/** @internal */
export function isSource(content: string | Buffer | Source): content is Source {
  return typeof content === "object" && !Buffer.isBuffer(content);
}

/**
 * Starts to read a source. A web stream is read by its reader, whose `cancel` need not wait for a pending read.
 *
 * @internal
 */
export function iterate(source: Source): AsyncIterator<unknown> {
  const { getReader } = source as Partial<ReadableStream>;
  if (typeof getReader !== "function") return source[Symbol.asyncIterator]();
  const reader = (source as ReadableStream).getReader();
  return {
    next: () => reader.read() as Promise<IteratorResult<unknown>>,
    return: () => reader.cancel().then(() => ({ done: true, value: undefined })),
  };
}

/**
 * Lets go of a source that will not be read to its end: a stream is destroyed, a generator's `return` runs. Never fails.
 *
 * @internal
 */
export function release(source: Source, iterator?: AsyncIterator<unknown>): void {
  try {
    const { destroy } = source as Partial<Readable>;
    if (typeof destroy === "function") (source as Readable).destroy();
    Promise.resolve((iterator ?? iterate(source)).return?.()).then(undefined, ignore);
  } catch {
    // A web stream that somebody else is reading is theirs to end.
  }
}

function ignore(): void {}
