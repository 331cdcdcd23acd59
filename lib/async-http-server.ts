import type * as http from "node:http";
import type { AddressInfo } from "node:net";
import { AcceptQueue } from "./server/accept-queue";
import { bind, listenOptions, urlOf } from "./server/listen";
import { CallbackErrors } from "./server/callback-errors";
import { Callbacks, type RequestCallback } from "./server/callbacks";
import { Descriptors } from "./server/file-descriptors";
import { endAll, finishWithin, makeDisposable, stopListening } from "./server/shutdown";
import { withCode } from "./errors";
import type { Exchange } from "./wire/exchange";
import { connectClients, createNodeServer, type Clients } from "./wire/node-server";
import { checkOptions, checkTime, checkWait, invalid, type AsyncHttpServerOptions, type CloseOptions, type WaitOptions } from "./options";
import { util } from "./node";
import type { Request } from "./request";
import { describeSituation, History } from "./server/traffic-report";
import { setTimeout } from "./timers";
import { accept, acceptNext, over, Wait } from "./server/wait";

/** Milliseconds between two looks at the descriptors while they are short. */
const DESCRIPTORS_PAUSE = 50;

/**
 * Makes a server that does not listen yet.
 *
 * @param options every one has a default
 * @throws TypeError or RangeError `ERR_INVALID_ARGUMENT`, Error `ERR_UNSUPPORTED`
 *
 * @example
 * import { newAsyncHttpServer, Http200 } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const server = newAsyncHttpServer({ maxBody: 1024 });
 * await server.listen(0);
 * void server.serve((request) => request.respond(Http200, `Hello ${request.body}`));
 * const response = await fetch(server.url, { method: "POST", body: "World" });
 * assert.equal(await response.text(), "Hello World");
 * await server.close();
 *
 * @see Nim's `asynchttpserver.newAsyncHttpServer`
 */
export function newAsyncHttpServer(options: AsyncHttpServerOptions = {}): AsyncHttpServer {
  return new AsyncHttpServer(options);
}

/**
 * An HTTP server that is asked for its requests: Nim's `AsyncHttpServer`.
 *
 * @see {@link newAsyncHttpServer}
 */
export class AsyncHttpServer {
  /** Node's server underneath, for what this class does not have. */
  readonly node: http.Server;

  readonly #reusePort: boolean;
  readonly #scheme: "http" | "https";

  readonly #clients: Clients;
  readonly #queue = new AcceptQueue();
  readonly #callbacks: Callbacks;
  readonly #errors = new CallbackErrors();
  readonly #history = new History();
  readonly #descriptors = new Descriptors(() => this.#clients.connections.size);

  #listening: Promise<void> | undefined = undefined;
  #closing: Promise<void> | undefined = undefined;
  #closed = false;
  /** Cuts the grace of a `close` short. */
  #hurry: (() => void) | undefined = undefined;
  /** Settles `serve`, if there is one. */
  #served: (() => void) | undefined = undefined;

  /** @internal */
  constructor(options: AsyncHttpServerOptions = {}) {
    checkOptions(options);
    this.#reusePort = options.reusePort ?? false;
    this.#scheme = options.tls === undefined ? "http" : "https";
    this.#callbacks = new Callbacks(options.onError);
    this.node = createNodeServer(options.http, options.tls);
    this.#clients = connectClients(this.node, this.#scheme, options.maxBody ?? 8_388_608, {
      offer: (exchange) => {
        this.arrived(exchange);
        this.#queue.offer(exchange);
      },
      wants: (exchange) => this.#queue.wants(exchange),
      withdraw: (exchange) => this.#queue.withdraw(exchange),
      finished: (exchange) => this.#history.add(exchange),
    });
    this.node.on("connection", (socket) => this.#descriptors.allowConnection() || socket.destroy());
  }

  /**
   * Starts to listen.
   *
   * @param port 0 takes a free one, see `getPort` and `url`
   * @param address the interface; default `127.0.0.1`, so that nobody else on the network gets in; `""` is every
   *   interface, as in Nim; with port 0, a path (one with a slash) is a Unix socket
   * @returns settles when the port is bound
   * @throws as a rejection: the system's error (`EADDRINUSE`, `EACCES`, …), RangeError or TypeError
   *   `ERR_INVALID_ARGUMENT`, Error `ERR_SERVER_ALREADY_LISTENING`
   *
   * @example
   * import { newAsyncHttpServer } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const server = newAsyncHttpServer();
   * await server.listen(0);
   * assert.equal(server.url, `http://127.0.0.1:${server.getPort()}`);
   * await server.close();
   *
   * @see Nim's `asynchttpserver.listen`
   */
  async listen(port: number, address = "127.0.0.1"): Promise<void> {
    const options = listenOptions(port, address, this.#reusePort);
    while (this.#closing !== undefined) await this.#closing;
    const problem = "the server listens already: close it first";
    if (this.#listening !== undefined || this.node.listening) throw withCode("ERR_SERVER_ALREADY_LISTENING", new Error(problem));
    const closed = this.#closed;
    this.#closed = false;
    this.#listening = bind(this.node, options);
    try {
      await this.#listening;
    } catch (error) {
      this.#listening = undefined;
      this.#closed = closed;
      throw error;
    }
  }

  /**
   * Gives the port that the server listens on; 0 for a Unix socket.
   *
   * @throws Error `ERR_SERVER_NOT_LISTENING`
   *
   * @example
   * import { newAsyncHttpServer } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const server = newAsyncHttpServer();
   * assert.throws(() => server.getPort(), { code: "ERR_SERVER_NOT_LISTENING" });
   * await server.listen(0);
   * assert(server.getPort() > 0);
   * await server.close();
   *
   * @see Nim's `asynchttpserver.getPort`
   */
  getPort(): number {
    const bound = this.#address();
    return typeof bound === "string" ? 0 : bound.port;
  }

  /**
   * Where a client on this machine reaches the server, ready for `fetch`: `http://127.0.0.1:49152`.
   *
   * The address is the one that was bound, never `localhost`, which may mean `::1`. For a Unix socket `unix:` and its path.
   *
   * @throws Error `ERR_SERVER_NOT_LISTENING`
   */
  get url(): string {
    return urlOf(this.#address(), this.#scheme);
  }

  /**
   * Tells whether the process has descriptors left for one more request.
   *
   * @param assumedDescriptorsPerRequest how many the request may open; below 0 the answer is always yes; default 5
   * @returns whether those and the open ones stay below the process's limit (`nimMaxDescriptorsFallback` if unknown)
   *
   * @example
   * import { newAsyncHttpServer } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const server = newAsyncHttpServer();
   * assert.equal(server.shouldAcceptRequest(), true);
   * assert.equal(server.shouldAcceptRequest(10_000_000), false);
   *
   * @see Nim's `asynchttpserver.shouldAcceptRequest`
   */
  shouldAcceptRequest(assumedDescriptorsPerRequest = 5): boolean {
    return this.#descriptors.allowRequest(assumedDescriptorsPerRequest);
  }

  /**
   * Waits for the next complete request, in the order in which they became complete; several waits are served first
   * come, first served. A wait that is rejected loses no request: the next one gets it.
   *
   * Nim's form, with a callback, hands the request to it and settles at once, so that the loop around it goes on; it
   * never waits for the callback. If a callback fails and there is no `onError`, the wait of the loop is rejected with
   * its error, or the next one.
   *
   * @param callback is given the request
   * @param wait `timeout` in milliseconds, `signal`
   * @returns the request; with a callback, nothing
   * @throws as a rejection: TimeoutError `ERR_ACCEPT_TIMEOUT` telling what has arrived, the signal's reason, `ERR_SERVER_CLOSED`,
   *   `ERR_SERVER_NOT_LISTENING`, or the error of a callback
   *
   * @example
   * import { newAsyncHttpServer, Http200 } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const server = newAsyncHttpServer();
   * await server.listen(0);
   * const reply = fetch(server.url, { method: "PUT", body: "1" });
   * const request = await server.acceptRequest({ timeout: 1000 });
   * assert.equal(request.reqMethod, "PUT");
   * await request.respond(Http200);
   * assert.equal((await reply).status, 200);
   * await server.close();
   *
   * @see Nim's `asynchttpserver.acceptRequest`
   */
  acceptRequest(callback: RequestCallback, wait?: WaitOptions): Promise<void>;
  /**
   * Waits for the next complete request and returns it; several waits are served first come, first served.
   *
   * A wait that is rejected loses no request: the next one gets it.
   *
   * @param wait `timeout` in milliseconds, `signal`
   */
  acceptRequest(wait?: WaitOptions): Promise<Request>;
  acceptRequest(first?: RequestCallback | WaitOptions, second?: WaitOptions): Promise<Request | void> {
    if (typeof first !== "function") return this.#accept(false, first, accept);
    return this.#accept(true, second, (exchange) => this.#callbacks.run(first, exchange, this.#tellLoop));
  }

  /**
   * Listens, then hands every request to the callback; none waits for another.
   *
   * The error of a callback goes to `onError`, or else is printed to stderr and kept for `close`.
   *
   * @param port as for `listen`; without it the server must listen already
   * @param callback is given each request
   * @param address as for `listen`
   * @param assumedDescriptorsPerRequest 0 or more: accept only while `shouldAcceptRequest` says so; default -1
   * @returns settles when the server is closed
   * @throws as a rejection: what `listen` throws, Error `ERR_ALREADY_SERVING`
   *
   * @example
   * import { newAsyncHttpServer, Http200 } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const server = newAsyncHttpServer();
   * await server.listen(0);
   * const serving = server.serve((request) => request.respond(Http200, request.url.path));
   * assert.equal(await (await fetch(`${server.url}/a`)).text(), "/a");
   * await server.close();
   * await serving;
   *
   * @see Nim's `asynchttpserver.serve`
   */
  serve(port: number, callback: RequestCallback, address?: string, assumedDescriptorsPerRequest?: number): Promise<void>;
  /** Hands every request to the handler, on a server that listens already; settles when the server is closed. */
  serve(callback: RequestCallback): Promise<void>;
  async serve(
    first: number | RequestCallback,
    second?: RequestCallback,
    address?: string,
    assumedDescriptorsPerRequest = -1,
  ): Promise<void> {
    const callback = typeof first === "function" ? first : second;
    if (typeof callback !== "function") throw invalid(TypeError, "serve needs a callback", callback);
    if (this.#served !== undefined) {
      throw withCode("ERR_ALREADY_SERVING", new Error("the server is served already: close it first"));
    }
    let settle = ignore;
    const closed = new Promise<void>((resolve) => (this.#served = settle = resolve));
    try {
      if (typeof first !== "function") await this.listen(first, address);
      this.#checkOpen();
    } catch (error) {
      this.#served = undefined;
      throw error;
    }
    const run = (exchange: Exchange): void => this.#callbacks.run(callback, exchange, this.#tellServer);
    if (assumedDescriptorsPerRequest < 0) this.#queue.serve(run);
    else void this.#serveWithin(assumedDescriptorsPerRequest, run, settle);
    return closed;
  }

  /**
   * Stops listening and ends everything, within milliseconds, whatever the clients do.
   *
   * Waits for requests are rejected with `ERR_SERVER_CLOSED`, `serve` settles, iterators end. Answers whose `respond`
   * has settled are delivered; every other connection is cut. Calling it twice, before `listen` or during it, is fine,
   * and the server can listen again.
   *
   * With `grace` it first lets the requests that have arrived be answered, each connection ending with its last answer,
   * and keeps idle connections for a second, for what is on its way; a second `close()` cuts that short.
   *
   * @param options `grace` in milliseconds, default 0
   * @returns settles when the port is free and every connection closed
   * @throws as a rejection, once: the error of a callback that nobody was told of; an AggregateError of several
   *
   * @example
   * import { newAsyncHttpServer } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const server = newAsyncHttpServer();
   * await server.listen(0);
   * const waiting = server.acceptRequest();
   * await Promise.all([assert.rejects(waiting, { code: "ERR_SERVER_CLOSED" }), server.close()]);
   *
   * @see Nim's `asynchttpserver.close`
   */
  async close({ grace = 0 }: CloseOptions = {}): Promise<void> {
    checkTime("grace", grace);
    if (grace === 0) this.#hurry?.();
    this.#closing ??= this.#shut(grace);
    await this.#closing;
    this.#closing = undefined;
    // A listen that was called before this, and waited for an earlier close to end, has begun by now.
    if (this.#listening !== undefined) return this.close({ grace });
    this.#errors.throwAll();
  }

  /**
   * Iterates over the requests as they are accepted; ends when the server is closed.
   *
   * A loop that awaits its answers serves one request after the other; `serve` serves them side by side.
   */
  [Symbol.asyncIterator](): AsyncIterator<Request> {
    const next = (): Promise<IteratorResult<Request>> => this.#accept(false, undefined, acceptNext, over);
    return { next, return: () => Promise.resolve(over()) };
  }

  /** A request has arrived whole; reading `request` makes the object that users see. @internal */
  protected arrived(_exchange: { readonly request: Request }): void {}

  /** Shows the error of a callback under `serve`, because a prototype may never call `close`. @internal */
  protected print(error: unknown, request: Request): void {
    const line = `${request.reqMethod} ${String(request.url)}`;
    process.stderr.write(`asynchttpserver: the callback failed for ${line}\n${util.inspect(error)}\n`);
  }

  #address(): AddressInfo | string {
    const bound = this.node.address();
    if (bound !== null) return bound;
    throw withCode("ERR_SERVER_NOT_LISTENING", new Error("the server does not listen: await listen first"));
  }

  #checkOpen(): void {
    if (this.#closed) throw withCode("ERR_SERVER_CLOSED", new Error("the server is closed"));
    if (this.#listening === undefined) this.#address();
  }

  /** @param closed gives what is given, instead of an error, if the server is closed */
  #accept<T>(loop: boolean, wait: WaitOptions | undefined, use: (exchange: Exchange) => T, closed?: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (closed !== undefined && this.#closed) return resolve(closed());
      this.#checkOpen();
      if (wait !== undefined) {
        checkWait(wait);
        if (wait.signal?.aborted === true) return reject(wait.signal.reason as Error);
      }
      if (loop && this.#errors.length > 0) return reject(this.#errors.takeFirst() as Error);
      const exchange = this.#queue.take();
      if (exchange !== undefined) return resolve(use(exchange));
      const waiter = new Wait(loop, use, resolve, closed === undefined ? reject : () => resolve(closed()));
      this.#queue.wait(waiter);
      if (wait !== undefined) waiter.limit(wait, this.#queue, () => this.#situation());
    });
  }

  readonly #tellLoop = (error: unknown): void => {
    if (!this.#queue.failLoop(error)) this.#errors.keep(error);
  };

  readonly #tellServer = (error: unknown, request: Request): void => {
    this.print(error, request);
    this.#errors.keep(error);
  };

  /** @param settle tells this `serve` from a later one, for a loop that sleeps while the server is closed and listens again */
  async #serveWithin(assumedDescriptors: number, run: (exchange: Exchange) => void, settle: () => void): Promise<void> {
    while (!this.#closed && this.#served === settle) {
      if (this.shouldAcceptRequest(assumedDescriptors)) await this.#accept(false, undefined, run).catch(ignore);
      else await new Promise((resolve) => setTimeout(resolve, DESCRIPTORS_PAUSE));
    }
  }

  async #shut(grace: number): Promise<void> {
    const hurry = new Promise<void>((resolve) => (this.#hurry = resolve));
    await this.#listening?.catch(ignore);
    const closed = stopListening(this.node);
    if (grace > 0) await finishWithin(grace, this.#clients.connections, Promise.race([closed, hurry]));
    this.#hurry = undefined;
    this.#listening = undefined;
    this.#closed = true;
    this.#queue.failAll(() => withCode("ERR_SERVER_CLOSED", new Error("the server was closed while this call waited")));
    this.#queue.serve(undefined);
    await endAll(this.#clients, closed);
    this.#served?.();
    this.#served = undefined;
  }

  #situation(): string {
    const url = this.node.listening ? this.url : "closing";
    return describeSituation(url, this.#clients.connections.values(), this.#history);
  }
}

export interface AsyncHttpServer {
  /** Closes the server at the end of an `await using` block; defined where `Symbol.asyncDispose` is. */
  [Symbol.asyncDispose](): Promise<void>;
}

makeDisposable(AsyncHttpServer.prototype);

function ignore(): void {}
