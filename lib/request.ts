import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import type { URLSearchParams } from "node:url";
import { about, Caller, shown, withCode } from "./errors";
import { isResponse, takeResponse } from "./http/fetch-response";
import type { HttpCode } from "./http/status";
import { HttpHeaders, type HeadersInit } from "./http/headers";
import type { HttpMethod } from "./http/method";
import type { Protocol } from "./http/version";
import { parseRequestTarget, type Uri } from "./http/uri";
import { parseForm, parseFormData, parseJson } from "./body-parsers";
import { emptyBody } from "./wire/body-buffer";
import { settled, type Exchange } from "./wire/exchange";
import type { Content } from "./wire/response-body";

/** How much of a body a matcher and `console.log` show, in characters. */
const SHOWN = 500;

const JSON_TYPE = "application/json";

/** Tells requests apart for a matcher: two of them are never equal, though their fields are getters. */
const identity = Symbol("request number");
let made = 0;
/** Leads from a copy that a matcher has made to the request itself. */
const original = Symbol("original");

/**
 * A request that has arrived, and the way to respond to it: Nim's record, read only.
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
  readonly #exchange: Exchange;
  #headers: HttpHeaders | undefined = undefined;
  #url: Uri | undefined = undefined;
  #body: string | undefined = undefined;
  /** @internal */
  declare readonly [identity]: number;

  /** @internal */
  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    (this as { [identity]: number })[identity] = ++made;
  }

  /**
   * The client's socket: Nim's `AsyncSocket`.
   *
   * Write to it only to take the connection over after an upgrade or CONNECT.
   */
  get client(): Socket {
    return Request.#self(this).#exchange.socket;
  }

  /** The method as the client wrote it, such as `"POST"`: any that Node parses, WebDAV's too. */
  get reqMethod(): HttpMethod {
    return Request.#self(this).#exchange.raw.method as HttpMethod;
  }

  /** The header fields; names fold to lower case, values keep their bytes, repeated fields are all kept. */
  get headers(): HttpHeaders {
    const self = Request.#self(this);
    return (self.#headers ??= HttpHeaders.fromRaw(self.#exchange.raw.rawHeaders));
  }

  /** The version of the request line. */
  get protocol(): Protocol {
    const { httpVersion, httpVersionMajor, httpVersionMinor } = Request.#self(this).#exchange.raw;
    return { orig: `HTTP/${httpVersion}`, major: httpVersionMajor, minor: httpVersionMinor };
  }

  /** The request target in its parts, nothing decoded or normalised. */
  get url(): Uri {
    const self = Request.#self(this);
    const { url, method } = self.#exchange.raw;
    return (self.#url ??= parseRequestTarget(url!, method!));
  }

  /**
   * The address of the CLIENT, not the name that it asked for, which is `headers.get("host")`.
   *
   * `127.0.0.1`, never `::ffff:127.0.0.1`; empty for a Unix socket.
   */
  get hostname(): string {
    return Request.#self(this).#exchange.connection.hostname;
  }

  /** The body as UTF-8 text; `rawBody` has bytes that are none. */
  get body(): string {
    const self = Request.#self(this);
    return (self.#body ??= self.#whole(getBody).toString("utf8"));
  }

  /** The exact bytes of the body. */
  get rawBody(): Buffer {
    return Request.#self(this).#whole(getRawBody);
  }

  /**
   * The body as a stream, which reads the socket no faster than it is read itself.
   *
   * With `stream: true` it comes as the client sends it, however long it is: `maxBody` does not count here, since its
   * reader decides. A client that waits for it gets `100 Continue` at the first read. If the client disconnects before
   * the body is whole, the stream fails with an error that says so (`ERR_CLIENT_DISCONNECTED`). What is still on its way
   * when the response ends is discarded, for a bounded time and amount, and then the connection ends.
   *
   * Without `stream` the body has arrived already, and this reads it once more.
   *
   * @example
   * import { newAsyncHttpServer, Http200 } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const server = newAsyncHttpServer({ stream: true });
   * await server.listen(0);
   * void server.serve(async (request) => {
   *   let bytes = 0;
   *   for await (const chunk of request.bodyStream) bytes += chunk.length;
   *   await request.respond(Http200, String(bytes));
   * });
   * const response = await fetch(server.url, { method: "POST", body: "x".repeat(1_000_000) });
   * assert.equal(await response.text(), "1000000");
   * await server.close();
   *
   * @see nim-lang/Nim#10661, where Nim's users ask for it
   */
  get bodyStream(): Readable {
    return Request.#self(this).#exchange.body.stream;
  }

  /**
   * Reads the body of a streamed request, up to `maxBody` bytes; then `body`, `rawBody`, `json`, `form` have it.
   *
   * A longer one gets 413, unless a response was sent before. Without `stream` the body is there already.
   *
   * @returns settles with the exact bytes when the last one has arrived; the same promise each time
   * @throws as a rejection: RangeError `ERR_BODY_TOO_LARGE`; Error `ERR_CLIENT_DISCONNECTED`; Error
   *   `ERR_BODY_NOT_READABLE` if `bodyStream` was read before, or a response was sent
   *
   * @example
   * import { newAsyncHttpServer, Http200, Http401 } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const server = newAsyncHttpServer({ stream: true, maxBody: 100 });
   * await server.listen(0);
   * void server.serve(async (request) => {
   *   if (!request.headers.hasKey("authorization")) return request.respond(Http401);
   *   await request.readBody();
   *   await request.respond(Http200, request.body);
   * });
   * const send = (headers: Record<string, string>) => fetch(server.url, { method: "POST", body: "hello", headers });
   * assert.equal((await send({})).status, Http401);
   * assert.equal(await (await send({ authorization: "me" })).text(), "hello");
   * await server.close();
   */
  readBody(): Promise<Buffer> {
    return this.#exchange.body.gather(readBody);
  }

  /**
   * Aborted when the client disconnects before the response is whole.
   *
   * A client that shuts its sending side counts as disconnected, though it still gets the response if it reads on.
   */
  get signal(): AbortSignal {
    return Request.#self(this).#exchange.signal;
  }

  /**
   * The bytes that came behind an upgrade request or CONNECT, for a handler that takes `client` over; else empty.
   *
   * They are taken out of the socket when they are first asked for; until then they can be read from `client`.
   */
  get head(): Buffer {
    return Request.#self(this).#exchange.bytesBehind?.take() ?? emptyBody;
  }

  /** Node's own message: trailers, `rawHeaders`, and, read as a stream, the body once more. */
  get raw(): IncomingMessage {
    return Request.#self(this).#exchange.body.expose();
  }

  /** The status of the final response; 0 until there is one. */
  get status(): HttpCode {
    return Request.#self(this).#exchange.status;
  }

  /**
   * Parses the body as JSON, in UTF-8; a byte order mark is dropped.
   *
   * @returns the value; `T` is a claim of the caller, not a check
   * @throws SyntaxError `ERR_BODY_NOT_JSON` that shows how the body starts, and names a Content-Encoding or charset
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
    return this.#parsed(json, parseJson) as T;
  }

  /**
   * Parses the body of a form without files (`application/x-www-form-urlencoded`); for one with files see `formData`.
   *
   * @returns the fields; none where there is no body
   * @throws TypeError `ERR_BODY_NOT_FORM` for a body with another Content-Type, or with none
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
    return this.#parsed(form, parseForm);
  }

  /**
   * Parses the body of a form with files (`multipart/form-data`), or of one without, by Node's own parser.
   *
   * @returns settles with the fields; a file is a `File`
   * @throws as a rejection: TypeError `ERR_BODY_NOT_FORM` for a body that is neither
   *
   * @example
   * import { startTestServer } from "asynchttpserver/testing";
   * import assert from "node:assert";
   *
   * const body = new FormData();
   * body.set("title", "Sea");
   * body.set("photo", new Blob(["jpeg"]), "sea.jpg");
   * const server = await startTestServer();
   * const reply = fetch(server.url, { method: "POST", body });
   * const request = await server.acceptRequest();
   * const form = await request.formData();
   * assert.equal(form.get("title"), "Sea");
   * assert.equal(await (form.get("photo") as File).text(), "jpeg");
   * await request.respond(204);
   * await reply;
   * await server.close();
   *
   * @see RFC 7578
   */
  async formData(): Promise<FormData> {
    const caller = new Caller(formData);
    try {
      return await parseFormData(this);
    } catch (error) {
      throw caller.blame(error as Error);
    }
  }

  /**
   * Sends a fetch `Response`: its status and status text, its headers, its body as it comes.
   *
   * What `fetch` gave can be passed on: the headers of its connection are left out, and where `fetch` has decompressed the
   * content, Content-Encoding and Content-Length too.
   *
   * @param response not read before; its body belongs to the library from here on
   * @returns settles when the bytes are with the operating system, or the client has disconnected
   * @throws as a rejection, with nothing written: as the other form does; TypeError `ERR_INVALID_ARGUMENT` for a
   *   `Response` that was read before, or that has no status
   *
   * @example
   * import { newAsyncHttpServer } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const server = newAsyncHttpServer();
   * await server.listen(0);
   * void server.serve((request) => request.respond(new Response("gone", { status: 404, statusText: "No Such Pet" })));
   * const response = await fetch(server.url);
   * assert.equal(`${response.status} ${response.statusText}`, "404 No Such Pet");
   * await server.close();
   */
  respond(response: Response): Promise<void>;
  /**
   * Sends the response: status line, headers and content in one go. The connection stays open for the next request.
   *
   * `Content-Length` is counted in bytes unless the caller gives one; content beyond the caller's is not sent, and where
   * the content is shorter the connection is cut behind it. HEAD, 204, 205 and 304 send no content. 100, 102 and 103
   * send that interim response, and the request still waits for its final one. A stream or async iterable is sent as it
   * comes, no faster than the client takes it. If it fails before its first chunk, the client gets 500; later, or if that
   * takes over 100 milliseconds, the connection is cut.
   *
   * Differs from Nim: a second response is an error, not a second message on the wire.
   *
   * @param code from 100 to 599
   * @param content text (as UTF-8), bytes, or a source of either; default none
   * @param headers pairs, a record, a Map, a fetch Headers; names go out in lower case
   * @returns settles when the bytes are with the operating system, or the client has disconnected
   * @throws as a rejection, with nothing written: RangeError `ERR_INVALID_STATUS`, TypeError `ERR_INVALID_HEADER` or
   *   `ERR_INVALID_ARGUMENT`, Error `ERR_ALREADY_ANSWERED`; with 500 or the connection cut: what a source throws
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
  respond(code: HttpCode, content?: Content, headers?: HeadersInit): Promise<void>;
  respond(first: HttpCode | Response, content: Content = "", headers?: HeadersInit): Promise<void> {
    return this.#respond(respond, first, content, headers);
  }

  #respond(
    entry: (...given: never[]) => unknown,
    first: HttpCode | Response,
    content: Content,
    headers?: HeadersInit,
  ): Promise<void> {
    try {
      const exchange = this.#exchange;
      if (!isResponse(first)) return this.#sent(exchange.respond(first, content, headers), entry);
      const response = takeResponse(first);
      return this.#sent(exchange.respond(response.code, response.content, response.headers, response.reason), entry);
    } catch (error) {
      return this.#failed(error, entry);
    }
  }

  /**
   * Sends a value as JSON, with `Content-Type: application/json` unless the headers have another one.
   *
   * @param code as for `respond`
   * @param value what `JSON.stringify` can make a text of
   * @param headers as for `respond`
   * @returns as `respond` does
   * @throws as `respond` does; TypeError `ERR_INVALID_ARGUMENT` for a value that is no JSON: undefined, a function, a
   *   Promise, a BigInt, a circle
   *
   * @example
   * import { newAsyncHttpServer, Http201 } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const server = newAsyncHttpServer();
   * await server.listen(0);
   * void server.serve((request) => request.respondJson(Http201, { id: 1 }, { Location: "/pets/1" }));
   * const response = await fetch(server.url);
   * assert.equal(response.headers.get("content-type"), "application/json");
   * assert.deepEqual(await response.json(), { id: 1 });
   * await server.close();
   */
  respondJson(code: HttpCode, value: unknown, headers?: HeadersInit): Promise<void> {
    try {
      const content = toJsonText(value);
      const all =
        headers === undefined
          ? { "content-type": JSON_TYPE }
          : HttpHeaders.withDefault(headers, "content-type", JSON_TYPE);
      return this.#respond(respondJson, code, content, all);
    } catch (error) {
      return this.#failed(error, respondJson);
    }
  }

  /**
   * Sends status line and headers now; a following `respond` with the same code sends the content.
   *
   * Differs from Nim, which writes bare header fields into the socket: this always yields valid HTTP.
   *
   * @param headers as for `respond`
   * @param code default 200
   * @returns settles when the bytes are with the operating system, or the client has disconnected
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
      return this.#exchange.watch(this.#exchange.sendHeaders(headers, code));
    } catch (error) {
      return this.#failed(error, sendHeaders);
    }
  }

  /** What of a response is still to come may fail as well, far from the line that has sent it. */
  #sent(promise: Promise<void>, entry: (...given: never[]) => unknown): Promise<void> {
    if (promise === settled) return promise;
    const caller = new Caller(entry);
    const named = promise.catch((error: unknown) => {
      throw about(error, String(this), caller);
    });
    return this.#exchange.watch(named);
  }

  #failed(error: unknown, entry: (...given: never[]) => unknown): Promise<never> {
    return this.#exchange.watch(Promise.reject(about(error, String(this), new Caller(entry)) as Error));
  }

  #whole(entry: () => unknown): Buffer {
    try {
      return this.#exchange.body.whole;
    } catch (error) {
      throw new Caller(entry).blame(error as Error);
    }
  }

  #parsed<T>(entry: () => unknown, parse: (request: Request) => T): T {
    try {
      return parse(this);
    } catch (error) {
      throw new Caller(entry).blame(error as Error);
    }
  }

  /** This request, as a function, which Jest does not copy. @internal */
  get [original](): () => Request {
    return () => this;
  }

  /** The request itself, also of a copy that Jest has made: it has the class, but none of the private fields. */
  static #self(request: Request): Request {
    return #exchange in request ? request : (request as Request)[original]();
  }

  static {
    // Jest also writes into its copies, where a field is compared with an object.
    for (const [name, field] of Object.entries(Object.getOwnPropertyDescriptors(this.prototype))) {
      if (field.get === undefined) continue;
      const set = function (this: Request, value: unknown): void {
        if (#exchange in this) throw new TypeError(`request.${name} is read only`);
        Object.defineProperty(this, name, { value, configurable: true, writable: true });
      };
      Object.defineProperty(this.prototype, name, { ...field, set });
    }
  }

  /**
   * Gives method and target, as errors name a request and a log line may.
   *
   * @returns such as `POST /orders?id=1`
   *
   * @example
   * import { startTestServer } from "asynchttpserver/testing";
   * import assert from "node:assert";
   *
   * const server = await startTestServer((request) => request.respond(200, String(request)));
   * const reply = await fetch(`${server.url}/orders?id=1`, { method: "POST" });
   * assert.equal(await reply.text(), "POST /orders?id=1");
   * await server.close();
   */
  toString(): string {
    return String(Request.#self(this).#exchange);
  }

  /** Keeps Vitest from copying a request without its private fields. @internal */
  get [Symbol.toStringTag](): string {
    return "Request";
  }

  /** Gives what a person wants to know to failing matchers and `JSON.stringify`; headers may be secret. @internal */
  toJSON(): object {
    return Object.assign(Object.create(shownAs) as object, Request.#self(this).#summary());
  }

  /** What `console.log` shows. @internal */
  [Symbol.for("nodejs.util.inspect.custom")](
    depth: number,
    options: object,
    inspect: (value: object, options: object) => string,
  ): string {
    const name = `Request ${this}`;
    return depth < 0 ? `[${name}]` : `${name} ${inspect({ body: this.#bodyStart(), status: this.status }, options)}`;
  }

  #summary(): object {
    const { reqMethod, status } = this;
    return { reqMethod, url: this.#exchange.raw.url!, body: this.#bodyStart(), status };
  }

  #bodyStart(): string {
    const { received, streamed, state } = this.#exchange.body;
    if (streamed && state !== "complete") return "(not read)";
    // A character has at most four bytes in UTF-8.
    const text = received.toString("utf8", 0, SHOWN * 4);
    return text.length > SHOWN || received.length > SHOWN * 4
      ? `${text.slice(0, SHOWN)}… (${received.length} bytes)`
      : text;
  }
}

/**
 * A handler: it is given a request, and responds now or later.
 *
 * What it returns matters in one case only: a promise that is rejected is the handler's failure.
 */
export type RequestCallback = (request: Request) => unknown;

/** The functions that are on the stack when they were called, whatever a spy has put in their place. */
const { form, formData, json, readBody, respond, respondJson, sendHeaders } = Request.prototype;
const getBody = Object.getOwnPropertyDescriptor(Request.prototype, "body")!.get!;
const getRawBody = Object.getOwnPropertyDescriptor(Request.prototype, "rawBody")!.get!;

/** The prototype of what matchers show: they print the name of the class. */
const shownAs: object = Object.create(null, { constructor: { value: Request } }) as object;

// What Jest copies of an object before it shows a difference: without this, the value of every getter, the socket's too.
Object.defineProperty(Request.prototype, Symbol.for("@jest/serializableProperties"), { value: [original] });

/** @throws TypeError `ERR_INVALID_ARGUMENT` */
function toJsonText(value: unknown): string {
  if (typeof (value as { then?: unknown } | null | undefined)?.then === "function") {
    throw notJson(`${shown(value)} is no JSON value: await it first`);
  }
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw notJson(`the value cannot be sent as JSON${placeOf(value)}: ${(cause as Error).message}`, cause);
  }
  if (text === undefined)
    throw notJson(`${shown(value)} is no JSON value: give null, or use respond(code) for no content`);
  return text;
}

/** Where `JSON.stringify` stops, which it says only of circles: at the latest key that it has asked for. */
function placeOf(value: unknown): string {
  let latest = "";
  try {
    JSON.stringify(value, (key, each: unknown) => {
      latest = key;
      return each;
    });
  } catch {
    // As before.
  }
  return latest === "" ? "" : ` (at ${shown(latest)})`;
}

function notJson(problem: string, cause?: unknown): TypeError {
  return withCode("ERR_INVALID_ARGUMENT", new TypeError(problem, cause === undefined ? {} : { cause }));
}

/** The request of an exchange, as its user sees it; always the same. @internal */
export function requestOf(exchange: Exchange): Request {
  return (exchange.view ??= new Request(exchange)) as Request;
}
