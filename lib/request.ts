import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { URLSearchParams } from "node:url";
import type { Content } from "./wire/content";
import { withCode } from "./errors";
import type { HttpCode } from "./http/status";
import { HttpHeaders, type HeadersInit } from "./http/headers";
import type { HttpMethod } from "./http/method";
import type { Protocol } from "./http/version";
import { url, util } from "./node";
import { parseRequestTarget, type Uri } from "./http/uri";

/** How much of a body an error shows, in characters. */
const SHOWN = 60;

/** The exchange behind a request, as far as the request shows it. @internal */
export interface RequestSource {
  readonly raw: IncomingMessage;
  readonly line: { readonly socket: Socket; readonly hostname: string };
  readonly body: Buffer;
  readonly bytesBehind: Buffer;
  readonly signal: AbortSignal;
  respond(code: number, content: Content, headers: HeadersInit | undefined): Promise<void>;
  sendHeaders(headers: HeadersInit, code: number): Promise<void>;
}

/**
 * A request that has arrived whole, and the way to answer it: Nim's record, read only.
 *
 * Made by the server; what is derived (`headers`, `url`, `body`) is made when it is first read.
 *
 * @example
 * import { newAsyncHttpServer, Http200 } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const server = newAsyncHttpServer();
 * await server.listen(0);
 * const reply = fetch(`${server.url}/greet?name=Nim`, { method: "POST", body: "hello" });
 * const request = await server.acceptRequest();
 * assert.equal(request.reqMethod, "POST");
 * assert.equal(request.url.path, "/greet");
 * assert.equal(request.body, "hello");
 * await request.respond(Http200, "hi");
 * assert.equal(await (await reply).text(), "hi");
 * await server.close();
 *
 * @see Nim's `asynchttpserver.Request`
 */
export class Request {
  readonly #exchange: RequestSource;
  #headers: HttpHeaders | undefined = undefined;
  #url: Uri | undefined = undefined;
  #body: string | undefined = undefined;

  /** @internal */
  constructor(exchange: RequestSource) {
    this.#exchange = exchange;
  }

  /**
   * The client's socket: Nim's `AsyncSocket`.
   *
   * Writing to it yourself is for whoever takes the connection over after an upgrade or CONNECT.
   */
  get client(): Socket {
    return this.#exchange.line.socket;
  }

  /** The method, in the letters of the request line: any that Node parses, WebDAV's too. */
  get reqMethod(): HttpMethod {
    return this.#exchange.raw.method as HttpMethod;
  }

  /** The header lines; names fold to lower case, values keep their bytes, repeated lines are all kept. */
  get headers(): HttpHeaders {
    return (this.#headers ??= HttpHeaders.fromRaw(this.#exchange.raw.rawHeaders));
  }

  /** The version of the request line. */
  get protocol(): Protocol {
    const { httpVersion, httpVersionMajor, httpVersionMinor } = this.#exchange.raw;
    return { orig: `HTTP/${httpVersion}`, major: httpVersionMajor, minor: httpVersionMinor };
  }

  /** The request target in its parts, nothing decoded or normalised. */
  get url(): Uri {
    const { url, method } = this.#exchange.raw;
    return (this.#url ??= parseRequestTarget(url!, method!));
  }

  /**
   * The address of the CLIENT, not the name that it asked for, which is `headers.get("host")`.
   *
   * `127.0.0.1`, never `::ffff:127.0.0.1`; empty for a Unix socket.
   */
  get hostname(): string {
    return this.#exchange.line.hostname;
  }

  /** The body as UTF-8 text; `rawBody` has bytes that are none. */
  get body(): string {
    return (this.#body ??= this.#exchange.body.toString("utf8"));
  }

  /** The exact bytes of the body. */
  get rawBody(): Buffer {
    return this.#exchange.body;
  }

  /**
   * Aborted when the client goes away before the answer is whole.
   *
   * A client that shuts its sending side counts as going, though it still gets the answer if it does read on.
   */
  get signal(): AbortSignal {
    return this.#exchange.signal;
  }

  /**
   * The bytes that came behind an upgrade request or CONNECT, for whoever takes `client` over; else empty.
   *
   * They are taken out of the socket when they are first asked for; whoever does not ask reads them from `client`.
   */
  get head(): Buffer {
    return this.#exchange.bytesBehind;
  }

  /** Node's own message: trailers, `rawHeaders`, and for whoever reads it as a stream, the body once more. */
  get raw(): IncomingMessage {
    return this.#exchange.raw;
  }

  /**
   * Parses the body as JSON.
   *
   * @returns the value; `T` is a claim of the caller, not a check
   * @throws SyntaxError `ERR_BODY_NOT_JSON` that shows how the body starts
   *
   * @example
   * import { startTestServer } from "asynchttpserver/testing";
   * import assert from "node:assert";
   *
   * const server = await startTestServer();
   * const reply = fetch(server.url, { method: "POST", body: '{"n":1}' });
   * const request = await server.acceptRequest();
   * assert.deepEqual(request.json<{ n: number }>(), { n: 1 });
   * await request.respond(204);
   * await reply;
   * await server.close();
   */
  json<T = unknown>(): T {
    try {
      return JSON.parse(this.body) as T;
    } catch (cause) {
      const { body } = this;
      const start = body.length > SHOWN ? `${body.slice(0, SHOWN)}…` : body;
      const what = body === "" ? "is empty" : `starts ${JSON.stringify(start)}`;
      throw withCode(
        "ERR_BODY_NOT_JSON",
        new SyntaxError(`the body of ${this.#line()} is not JSON: it ${what} (${(cause as Error).message})`, { cause }),
      );
    }
  }

  /**
   * Parses the body as an HTML form sends it (`application/x-www-form-urlencoded`); files come in another format.
   *
   * @returns the fields; never fails
   *
   * @example
   * import { startTestServer } from "asynchttpserver/testing";
   * import assert from "node:assert";
   *
   * const server = await startTestServer();
   * const reply = fetch(server.url, { method: "POST", body: new URLSearchParams({ user: "ann" }) });
   * const request = await server.acceptRequest();
   * assert.equal(request.form().get("user"), "ann");
   * await request.respond(204);
   * await reply;
   * await server.close();
   */
  form(): URLSearchParams {
    return new url.URLSearchParams(this.body);
  }

  /**
   * Answers: status line, headers and content in one go. The connection stays open for the next request.
   *
   * `Content-Length` is counted in bytes unless the caller gives one; content beyond the caller's is not sent, and where
   * the content is shorter the connection is cut behind it. HEAD, 204, 205 and 304 send no content. 100, 102 and 103
   * send that interim answer, and the request still waits for its final one. A stream or async iterable is sent as it
   * comes, no faster than the client takes it; if it fails, the connection is cut.
   *
   * Differs from Nim: a second answer is an error, not a second message on the wire.
   *
   * @param code from 100 to 599
   * @param content text (as UTF-8), bytes, or a source of either; default none
   * @param headers pairs, a record, a Map, a fetch Headers; names go out in lower case
   * @returns settles when the bytes are with the operating system, or the client is gone
   * @throws as a rejection, with nothing written: RangeError `ERR_INVALID_STATUS`, TypeError `ERR_INVALID_HEADER` or
   *   `ERR_INVALID_ARGUMENT`, Error `ERR_ALREADY_ANSWERED`; with the connection cut: what a source throws
   *
   * @example
   * import { newAsyncHttpServer, Http404 } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const server = newAsyncHttpServer();
   * await server.listen(0);
   * void server.serve((request) => request.respond(Http404, "no such page", { "Content-Type": "text/plain" }));
   * const response = await fetch(server.url);
   * assert.equal(response.status, Http404);
   * assert.equal(await response.text(), "no such page");
   * await server.close();
   *
   * @see Nim's `asynchttpserver.respond`; RFC 9110 6, RFC 9112 6
   */
  respond(code: HttpCode, content: Content = "", headers?: HeadersInit): Promise<void> {
    try {
      return this.#exchange.respond(code, content, headers);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /**
   * Sends status line and headers now; a following `respond` with the same code sends the content.
   *
   * Differs from Nim, which writes bare header lines into the socket: this always yields valid HTTP.
   *
   * @param headers as for `respond`
   * @param code default 200
   * @returns settles when the bytes are with the operating system, or the client is gone
   * @throws as `respond` does
   *
   * @example
   * import { newAsyncHttpServer, Http200 } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const server = newAsyncHttpServer();
   * await server.listen(0);
   * const reply = fetch(server.url);
   * const request = await server.acceptRequest();
   * await request.sendHeaders({ "Content-Type": "text/plain" });
   * assert.equal((await reply).headers.get("content-type"), "text/plain");
   * await request.respond(Http200, "at last");
   * assert.equal(await (await reply).text(), "at last");
   * await server.close();
   *
   * @see Nim's `asynchttpserver.sendHeaders`
   */
  sendHeaders(headers: HeadersInit, code: HttpCode = 200): Promise<void> {
    try {
      return this.#exchange.sendHeaders(headers, code);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** What `console.log` and a failing assertion show: the request line, not the server's insides. @internal */
  [util.inspect.custom](): string {
    return `Request { ${this.#line()}, ${this.rawBody.length} bytes, from ${this.hostname} }`;
  }

  #line(): string {
    return `${this.reqMethod} ${this.#exchange.raw.url!}`;
  }
}
