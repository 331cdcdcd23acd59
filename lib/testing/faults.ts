import { endSoon, reset } from "../wire/lingering-close";
import { bytesOf, headFirst, Source, toBody, type Body, type Content } from "../wire/response-body";
import { clearTimeout, setTimeout, stream } from "../node";
import { invalid } from "../options";
import type { Request } from "../request";

type Pieces = AsyncGenerator<string | Uint8Array, void, undefined>;

/** How many pieces a second a throttled response goes out in, where that makes pieces of a byte or more. */
const PIECES_PER_SECOND = 20;

const GARBAGE = "This is not HTTP.\r\n\r\n";

/** What a timer of Node can count to, in milliseconds, and enough for everything else. */
const MOST = 2 ** 31 - 1;

/**
 * Waits before a response, so that even its status line comes late.
 *
 * It works under fake timers, and it does not keep the process alive.
 *
 * @param ms milliseconds
 * @returns settles when they are over, or as soon as the client has disconnected
 * @throws as a rejection: RangeError `ERR_INVALID_ARGUMENT`
 *
 * @example
 * import { delay, startTestServer } from "asynchttpserver/testing";
 * import assert from "node:assert";
 *
 * const server = await startTestServer(async (request) => {
 *   await delay(request, 60_000);
 *   await request.respond(200, "late");
 * });
 * await assert.rejects(fetch(server.url, { signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
 * await server.close();
 */
export async function delay(request: Request, ms: number): Promise<void> {
  checkNumber("ms", ms, 0);
  const { signal } = request;
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms).unref();
    signal.addEventListener("abort", end);
  });
}

/**
 * Content that comes late: status line and headers go out at once.
 *
 * Like every source of content it is sent chunked, unless the response is given a `Content-Length`.
 *
 * @param ms milliseconds
 * @throws RangeError or TypeError `ERR_INVALID_ARGUMENT`
 *
 * @example
 * import { delayed, startTestServer } from "asynchttpserver/testing";
 * import assert from "node:assert";
 *
 * const server = await startTestServer((request) => request.respond(200, delayed("late", 50)));
 * const response = await fetch(server.url);
 * assert.equal(await response.text(), "late");
 * await server.close();
 */
export function delayed(content: Content, ms: number): AsyncIterable<string | Uint8Array> {
  checkNumber("ms", ms, 0);
  return atOnce(wrapped(toBody(content), (body, pauses) => afterwards(body, pauses, ms)));
}

/**
 * Content that comes slowly, in pieces, evenly spread.
 *
 * Like every source of content it is sent chunked, unless the response is given a `Content-Length`.
 *
 * @param rate bytes per second, at least 1
 * @throws RangeError or TypeError `ERR_INVALID_ARGUMENT`
 *
 * @example
 * import { startTestServer, throttled } from "asynchttpserver/testing";
 * import assert from "node:assert";
 *
 * const server = await startTestServer((request) => request.respond(200, throttled("x".repeat(100), 1000)));
 * const start = performance.now();
 * assert.equal((await (await fetch(server.url)).text()).length, 100);
 * assert(performance.now() - start > 90);
 * await server.close();
 */
export function throttled(content: Content, rate: number): AsyncIterable<string | Uint8Array> {
  checkNumber("rate", rate, 1);
  return wrapped(toBody(content), (body, pauses) => slowly(body, pauses, rate));
}

/**
 * Content that breaks off: its first bytes are sent, then the connection ends.
 *
 * Content that is no longer than that arrives whole. Like every source of content it is sent chunked, unless the response
 * is given a `Content-Length`; a client that speaks HTTP/1.0 needs one to see that something is missing.
 *
 * @param request the one that gets this response
 * @param bytes how many are sent
 * @throws RangeError or TypeError `ERR_INVALID_ARGUMENT`
 *
 * @example
 * import { startTestServer, truncated } from "asynchttpserver/testing";
 * import assert from "node:assert";
 *
 * const server = await startTestServer((request) => request.respond(200, truncated(request, "hello world", 5)));
 * const response = await fetch(server.url);
 * assert.equal(response.status, 200);
 * await assert.rejects(response.text());
 * await server.close();
 */
export function truncated(request: Request, content: Content, bytes: number): AsyncIterable<string | Uint8Array> {
  checkBytes(bytes);
  return atOnce(wrapped(toBody(content), (body, pauses) => cutting(request, body, pauses, bytes)));
}

/**
 * Reads the first bytes of a streamed body, so that a fault comes in the middle of an upload.
 *
 * The rest stays with the client: to respond then, to reset or to drop the connection is an early end of the upload, and to
 * do nothing a stall. `bodyStream` goes on where this ends; to read that at a rate, take `throttled(request.bodyStream, rate)`.
 *
 * @param bytes how many are read
 * @returns settles with exactly these bytes, or with all there are when the body is whole
 * @throws as a rejection: RangeError `ERR_INVALID_ARGUMENT`; what `bodyStream` fails with
 *
 * @example
 * import { readBytes, resetConnection, startTestServer } from "asynchttpserver/testing";
 * import assert from "node:assert";
 *
 * const server = await startTestServer({ stream: true });
 * const upload = fetch(server.url, { method: "POST", body: Buffer.alloc(10_000_000) });
 * const request = await server.acceptRequest({ while: upload });
 * assert.equal((await readBytes(request, 1_000_000)).length, 1_000_000);
 * resetConnection(request);
 * await assert.rejects(upload);
 * await server.close();
 */
export async function readBytes(request: Request, bytes: number): Promise<Buffer> {
  checkBytes(bytes);
  const body = request.bodyStream;
  const parts: Buffer[] = [];
  let missing = bytes;
  await new Promise<void>((resolve, reject) => {
    const read = (): void => {
      while (missing > 0) {
        const chunk = body.read() as Buffer | null;
        if (chunk === null) return;
        if (chunk.length > missing) body.unshift(chunk.subarray(missing));
        parts.push(chunk.subarray(0, missing));
        missing -= parts.at(-1)!.length;
      }
      settle();
    };
    const settle = (error?: Error | null): void => {
      body.off("readable", read);
      stopWatching();
      if (error) reject(error);
      else resolve();
    };
    // Told of what has ended already, too.
    const stopWatching = stream.finished(body, { writable: false }, settle);
    if (missing === 0) return settle();
    body.on("readable", read);
  });
  return Buffer.concat(parts);
}

/**
 * Ends the connection instead of a response, or in the middle of one, without a reset: the client sees it end (FIN).
 *
 * What was awaited before still arrives. `startTestServer(dropConnection)` does so with every request.
 *
 * @example
 * import { dropConnection, startTestServer } from "asynchttpserver/testing";
 * import assert from "node:assert";
 *
 * const server = await startTestServer(dropConnection);
 * const { cause } = await fetch(server.url).catch((error) => error);
 * assert.equal(cause.code, "UND_ERR_SOCKET");
 * await server.close();
 */
export function dropConnection(request: Request): void {
  endSoon(request.client);
}

/**
 * Breaks the connection instead of a response, or in the middle of one: the client sees a reset (RST, ECONNRESET).
 *
 * What was sent before may be lost. Only TCP can be reset: with TLS and on a Unix socket the connection ends.
 * `startTestServer(resetConnection)` does so with every request.
 *
 * @example
 * import { resetConnection, startTestServer } from "asynchttpserver/testing";
 * import assert from "node:assert";
 *
 * const server = await startTestServer(resetConnection);
 * const { cause } = await fetch(server.url).catch((error) => error);
 * assert.equal(cause.code, "ECONNRESET");
 * await server.close();
 */
export function resetConnection(request: Request): void {
  reset(request.client);
}

/**
 * Sends bytes that are no response, then ends the connection.
 *
 * @param garbage what goes on the wire as it is, text in UTF-8; default a text that no HTTP client takes
 *
 * @example
 * import { respondGarbage, startTestServer } from "asynchttpserver/testing";
 * import assert from "node:assert";
 *
 * const server = await startTestServer((request) => respondGarbage(request, "HTTP/1.1 two hundred\r\n\r\n"));
 * const { cause } = await fetch(server.url).catch((error) => error);
 * assert.equal(cause.name, "HTTPParserError");
 * await server.close();
 */
export function respondGarbage(request: Request, garbage: string | ArrayBufferView = GARBAGE): void {
  request.client.write(bytesOf(garbage));
  endSoon(request.client);
}

async function* afterwards(content: Body, pauses: Pauses, ms: number): Pieces {
  await pauses.next(ms);
  yield* piecesOf(content);
}

async function* slowly(content: Body, pauses: Pauses, rate: number): Pieces {
  const size = Math.max(1, Math.floor(rate / PIECES_PER_SECOND));
  // A timer takes a millisecond at least: what tiny chunks have to wait is gathered.
  let due = 0;
  for await (const chunk of piecesOf(content)) {
    const bytes = bytesOf(chunk);
    for (let at = 0; at < bytes.length; at += size) {
      const piece = bytes.subarray(at, at + size);
      due += (piece.length / rate) * 1_000;
      if (due >= 1) {
        await pauses.next(due);
        due = 0;
      }
      yield piece;
    }
  }
}

async function* cutting(request: Request, content: Body, pauses: Pauses, bytes: number): Pieces {
  let left = bytes;
  let missing = false;
  for await (const chunk of piecesOf(content)) {
    const piece = bytesOf(chunk);
    missing = piece.length > left;
    if (left > 0) yield piece.subarray(0, left);
    if (missing) break;
    left -= piece.length;
  }
  if (!missing) return;
  // Node keeps a chunk back until the end of the turn in which it was written.
  await pauses.next(0);
  // An end of this source would be the end of the content, and an error the failure of `respond`: neither comes.
  dropConnection(request);
  await new Promise<never>(() => {});
}

/** A source has its own end and cleaning up; text and bytes are one piece. */
async function* piecesOf(content: Body): Pieces {
  if (!(content instanceof Source)) return yield content;
  try {
    for (let piece = await content.next(); piece !== undefined; piece = await content.next()) yield piece;
  } finally {
    content.release();
  }
}

/** Content before which the head goes out, however late the first piece comes. */
function atOnce<T extends object>(content: T): T {
  return Object.assign(content, { [headFirst]: true });
}

/** Content made from other content, which it lets go of at once where the response ends early, even in a pause. */
function wrapped(content: Body, pieces: (content: Body, pauses: Pauses) => Pieces): AsyncIterable<string | Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      const pauses = new Pauses();
      const iterator = pieces(content, pauses);
      return {
        next: () => iterator.next(),
        return() {
          if (content instanceof Source) content.release();
          pauses.end();
          return iterator.return(undefined);
        },
      };
    },
  };
}

/** The pauses of one response, none of which keeps the process alive. */
class Pauses {
  #timer: NodeJS.Timeout | undefined = undefined;
  #wake: (() => void) | undefined = undefined;
  #ended = false;

  /** Settles after so many milliseconds, or when the pauses end. */
  next(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ended) return resolve();
      this.#wake = resolve;
      this.#timer = setTimeout(resolve, ms).unref();
    });
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#wake?.();
  }
}

function checkNumber(name: string, value: number, least: number): void {
  if (typeof value !== "number") throw invalid(TypeError, `${name} must be a number`, value);
  if (value >= least && value <= MOST) return;
  throw invalid(RangeError, `${name} must be from ${least} to ${MOST}`, value);
}

function checkBytes(bytes: number): void {
  checkNumber("bytes", bytes, 0);
  if (!Number.isInteger(bytes)) throw invalid(RangeError, "bytes must be a whole number", bytes);
}
