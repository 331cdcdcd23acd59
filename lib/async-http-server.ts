// TypeScript 6 reads no types that are not asked for: without this, a project that does not name "node" gets `any`.
/// <reference types="node" preserve="true" />
import type * as http from "node:http";
import type { AddressInfo } from "node:net";
import { AcceptQueue } from "./server/accept-queue";
import { bind, listenOptions, urlOf } from "./server/listen";
import { CallbackErrors, Callbacks, type Report } from "./server/callbacks";
import { Client } from "./server/client";
import { Descriptors } from "./server/file-descriptors";
import { endAll, finishWithin, makeDisposable, stopListening } from "./server/shutdown";
import { Caller, withCode } from "./errors";
import { afterPoll, util } from "./node";
import type { Exchange } from "./wire/exchange";
import { connectClients, type Clients } from "./wire/node-server";
import { WatchedPromise } from "./wire/watched-promise";
import {
  checkClose,
  checkDescriptors,
  checkOptions,
  checkWait,
  noHandler,
  type AsyncHttpServerOptions,
  type CloseOptions,
  type WaitOptions,
} from "./options";
import type { Request, RequestCallback } from "./request";
import { State } from "./server/state";
import { TrafficReport } from "./server/traffic-report";
import { accept, endOfIteration, handled, Wait } from "./server/wait";

/** After so many polls that bring nothing, nothing more is on its way: a TLS handshake takes a few. */
const QUIET_POLLS = 3;
/** How many polls at most, while there is always something. */
const MOST_POLLS = 200;

const HAS_HANDLER = "the server has a handler already, from an earlier serve: close it first, or make it without one";

/** Prints requests and responses where NODE_DEBUG names the package. */
const debug = util.debuglog("asynchttpserver");
const debugs = debug.enabled;

/** In what a server for tests differs. @internal */
export interface TestRules {
  /** Milliseconds of a wait that does not say how long. */
  readonly timeout: number;
  /** Is a wait a reason for the process to live until its time is over? */
  readonly keepsAlive: boolean;
  /** The response to a request that has none when the server closes. */
  readonly farewell: { readonly status: number; readonly text: string };
}

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
  try {
    return new AsyncHttpServer(options);
  } catch (error) {
    throw new Caller(newAsyncHttpServer).blame(error as Error);
  }
}

/**
 * An HTTP server that is asked for its requests: Nim's `AsyncHttpServer`.
 *
 * @see {@link newAsyncHttpServer}
 */
export class AsyncHttpServer {
  readonly #node: http.Server;
  readonly #reusePort: boolean;
  readonly #scheme: "http" | "https";

  readonly #clients: Clients;
  readonly #queue = new AcceptQueue();
  readonly #callbacks: Callbacks;
  readonly #errors = new CallbackErrors();
  readonly #traffic = new TrafficReport();
  readonly #descriptors = new Descriptors(() => this.#clients.connections.size);
  readonly #rules: TestRules | undefined;

  readonly #state = new State();
  /** For what `acceptRequest` and `for await` gave: the error goes to the call that waits, else the next one, else `close`. */
  readonly #reportToLoop: Report;
  /** For `serve`: the error goes to stderr, because a prototype may never call `close`; in a test to `close`. */
  readonly #reportToServer: Report;
  /** Settles when the port is bound, while that is under way. */
  #binding: Promise<void> | undefined = undefined;
  /** Settles when the server is closed, while that is under way. */
  #closing: Promise<void> | undefined = undefined;
  /** Cuts the grace of a `close` short. */
  #skipGrace: (() => void) | undefined = undefined;
  /** Is it closed by the end of an `await using` block? */
  #disposed = false;
  /** Settles `serve`, if there is one. */
  #served: (() => void) | undefined = undefined;

  /** @internal */
  constructor(options: AsyncHttpServerOptions = {}, rules?: TestRules) {
    checkOptions(options);
    this.#rules = rules;
    this.#reusePort = options.reusePort ?? false;
    this.#scheme = options.tls === undefined ? "http" : "https";
    this.#callbacks = new Callbacks(options.onError);
    this.#reportToLoop = this.#callbacks.reportTo((error, exchange) => {
      if (!this.#queue.failLoop(error)) this.#keep(error, exchange);
    });
    this.#reportToServer = this.#callbacks.reportTo((error, exchange) => {
      if (rules === undefined) this.#callbacks.print(error, String(exchange));
      else this.#keep(error, exchange);
    });
    const bodies = { maxBody: options.maxBody ?? 8_388_608, stream: options.stream ?? false };
    const clients = connectClients(options, bodies, {
      offer: (exchange) => {
        if (debugs) debug("%s %s from %s", exchange.raw.method, exchange.raw.url, exchange.connection.hostname);
        this.#traffic.arrived();
        exchange.report = this.#reportToLoop;
        this.arrived(exchange);
        this.#queue.offer(exchange);
      },
      wants: (exchange) => this.#queue.wants(exchange),
      withdraw: (exchange) => this.#queue.withdraw(exchange),
      finished: (exchange) => {
        if (debugs) debug("%s %s: %s", exchange.raw.method, exchange.raw.url, exchange.status || "no response");
        this.#traffic.finished(exchange);
        if (rules !== undefined) exchange.connection.markRead();
      },
      dropped: (exchange) => this.#traffic.dropped(exchange),
      refused: (status, packet) => {
        debug("refused with %d what is no request", status);
        this.#traffic.refused(status, packet);
      },
    });
    this.#clients = clients;
    this.#node = clients.node;
    this.node.on("connection", (socket) => {
      this.#traffic.connected();
      if (!this.#descriptors.allowConnection()) socket.destroy();
    });
    this.node.on("tlsClientError", (error) => this.#traffic.handshakeFailed(error));
    // Somebody who makes Node's server listen, or closes it, has done so with this one.
    this.node.on("listening", () => this.#notice());
    this.node.on("close", () => {
      // Every connection has ended by now, and it may be listening again in the next turn.
      if (this.#state.now === "listening") {
        this.#stop();
        this.#endServing();
      }
    });
  }

  /** Node's server underneath, for what this class does not have. */
  get node(): http.Server {
    // No property: a matcher that fails would print all of it.
    return this.#node;
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
    const caller = new Caller(listen);
    try {
      await this.#listen(port, address);
    } catch (error) {
      throw caller.blame(error as Error);
    }
  }

  async #listen(port: number, address: string): Promise<void> {
    const options = listenOptions(port, address, this.#reusePort);
    while (this.#closing !== undefined) await this.#closing;
    const before = this.#state.now;
    if (before === "listening" || this.node.listening) {
      throw withCode("ERR_SERVER_ALREADY_LISTENING", new Error("the server listens already: close it first"));
    }
    this.#state.become("listening");
    this.#binding = bind(this.node, options);
    try {
      await this.#binding;
    } catch (error) {
      // Node's server may have been closed by others in between.
      if (this.#state.now === "listening") this.#state.become(before);
      throw error;
    } finally {
      this.#binding = undefined;
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
    const bound = this.#address(getPort);
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
    return urlOf(this.#address(getUrl), this.#scheme);
  }

  /**
   * Says whether the process has descriptors for one more request.
   *
   * @param assumedDescriptorsPerRequest how many the request may open, default 5; with a negative number the result is always `true`
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
    checkDescriptors(assumedDescriptorsPerRequest);
    return this.#descriptors.allowRequest(assumedDescriptorsPerRequest);
  }

  /**
   * Waits for the next request, in the order in which they became complete, or, with `stream: true`, in which their heads
   * arrived; several waits are served first come, first served. A wait that is rejected loses no request: the next one gets it.
   *
   * With `where` it waits for the first request that fits, queued ones first, beside other waits and beside the handler
   * of `serve`, which get what does not fit. With `while` it ends as soon as the client does.
   *
   * Nim's form, with a handler, hands the request to it and settles at once, so that the loop around it goes on; it
   * never waits for the handler. If a handler fails and there is no `onError`, the wait of the loop is rejected with
   * its error, or the next one.
   *
   * @param callback is given the request
   * @param wait `timeout` in milliseconds, `signal`, `where`, `while`
   * @returns the request; with a handler, nothing
   * @throws as a rejection: TimeoutError `ERR_ACCEPT_TIMEOUT` and Error `ERR_CLIENT_FINISHED`, both of which say what has
   *   arrived, the signal's reason, what `where` throws, `ERR_SERVER_CLOSED`, `ERR_SERVER_NOT_LISTENING`,
   *   `ERR_INVALID_ARGUMENT`, or the error of a handler
   *
   * @example
   * import { newAsyncHttpServer, Http200 } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const server = newAsyncHttpServer();
   * await server.listen(0);
   * const reply = fetch(`${server.url}/a`, { method: "PUT", body: "1" });
   * const request = await server.acceptRequest({ timeout: 1000, where: ({ url }) => url.path === "/a", while: reply });
   * assert.equal(request.reqMethod, "PUT");
   * await request.respond(Http200);
   * assert.equal((await reply).status, 200);
   * await server.close();
   *
   * @see Nim's `asynchttpserver.acceptRequest`
   */
  acceptRequest(callback: RequestCallback, wait?: WaitOptions): Promise<void>;
  /**
   * Waits for the next request and returns it; several waits are served first come, first served.
   *
   * A wait that is rejected loses no request: the next one gets it.
   *
   * @param wait `timeout` in milliseconds, `signal`, `where`, `while`
   */
  acceptRequest(wait?: WaitOptions): Promise<Request>;
  acceptRequest(first?: RequestCallback | WaitOptions, second?: WaitOptions): Promise<Request | void> {
    if (typeof first !== "function" && second !== undefined)
      return Promise.reject(new Caller(acceptRequest).blame(noHandler("acceptRequest with two arguments", first)));
    if (typeof first !== "function")
      return this.#acceptFor(false, first, (exchange) => accept(exchange, this.#reportToLoop));
    return this.#acceptFor(true, second, (exchange) => this.#callbacks.run(first, exchange, this.#reportToLoop));
  }

  /**
   * Listens, then hands every request to the handler; none waits for another.
   *
   * The error of a handler goes to `onError`, or else is printed to stderr.
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
  serve(
    port: number,
    callback: RequestCallback,
    address?: string,
    assumedDescriptorsPerRequest?: number,
  ): Promise<void>;
  /** Hands every request to the handler, on a server that listens already; settles when the server is closed. */
  serve(callback: RequestCallback): Promise<void>;
  async serve(
    first: number | RequestCallback,
    second?: RequestCallback,
    address?: string,
    assumedDescriptorsPerRequest = -1,
  ): Promise<void> {
    const caller = new Caller(serve);
    const callback = typeof first === "function" ? first : second;
    if (typeof callback !== "function") throw caller.blame(noHandler("serve", callback));
    // As `listen` does.
    if (typeof first !== "function") while (this.#closing !== undefined) await this.#closing;
    if (this.#served !== undefined) throw caller.blame(withCode("ERR_ALREADY_SERVING", new Error(HAS_HANDLER)));
    const closed = new Promise<void>((resolve) => (this.#served = resolve));
    try {
      checkDescriptors(assumedDescriptorsPerRequest);
      if (typeof first !== "function") await this.listen(first, address);
      // It was closed before it could serve.
      if (typeof first !== "function" && this.#state.now === "closed") return await closed;
      this.#checkOpen();
    } catch (error) {
      this.#served = undefined;
      throw caller.blame(error as Error);
    }
    const run = (exchange: Exchange): void => this.#callbacks.run(callback, exchange, this.#reportToServer);
    if (assumedDescriptorsPerRequest < 0) this.#queue.serve(run);
    else this.#queue.serve(run, () => this.shouldAcceptRequest(assumedDescriptorsPerRequest));
    return closed;
  }

  /**
   * Stops listening and ends everything, within milliseconds, whatever the clients do.
   *
   * Waits for requests are rejected with `ERR_SERVER_CLOSED`, `serve` settles, iterators end. Responses whose `respond`
   * has settled are delivered; every other connection is cut. Calling it twice, before `listen` or during it, is fine,
   * and the server can listen again.
   *
   * With `grace` the requests that have arrived first get their responses, each connection ends with its last one, and
   * idle connections stay for a second, for what is on its way; a second `close()` cuts that short.
   *
   * @param options `grace` in milliseconds, default 0
   * @returns settles when the port is free and every connection closed
   * @throws as a rejection, once: the error of a handler that was reported nowhere else; an AggregateError of several
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
  async close(options: CloseOptions = {}): Promise<void> {
    checkClose(options);
    await this.#end(options.grace ?? 0);
    // Where the block has failed too, test runners show nothing but "SuppressedError".
    const why = " (printed because `await using` hides it where the block has failed, too)";
    if (this.#disposed) for (const { error, line } of this.#errors.kept) this.#callbacks.print(error, line, why);
    this.#disposed = false;
    this.#errors.throwAll();
  }

  /**
   * Iterates over the requests as they are accepted; ends when the server is closed.
   *
   * A loop that awaits its responses serves one request after the other; `serve` serves them side by side.
   */
  [Symbol.asyncIterator](): AsyncIterator<Request> {
    const step = (exchange: Exchange): IteratorResult<Request> => ({
      done: false,
      value: accept(exchange, this.#reportToLoop),
    });
    let ended = false;
    return {
      next: () =>
        ended ? Promise.resolve(endOfIteration()) : this.#accept(false, undefined, step, undefined, endOfIteration),
      return: () => {
        ended = true;
        this.#queue.endAll("closed", (waiter) => waiter.gives(step));
        return Promise.resolve(endOfIteration());
      },
    };
  }

  /** A request has arrived, whole unless bodies are streamed. @internal */
  protected arrived(_exchange: Exchange): void {}

  /** Ends what has come so far, as `close` does, but goes on listening; see `TestServer.reset`. @internal */
  protected async forget(): Promise<void> {
    this.#queue.endAll("reset", (waiter) => !waiter.lasts);
    for (const connection of this.#clients.connections.values())
      if (!connection.quiet) connection.close(this.#rules?.farewell);
    this.#traffic.clear();
    // A handler may fail because its client was disconnected; that is reported here, too.
    await afterPoll();
    this.#errors.throwAll();
  }

  /** Settles when everything has come that clients sent before: connections are accepted one at a time. @internal */
  protected async quiet(): Promise<void> {
    let before = -1;
    for (let polls = 0, quiet = 0; polls < MOST_POLLS && quiet < QUIET_POLLS; polls++) {
      await afterPoll();
      quiet = this.#traffic.events === before ? quiet + 1 : 0;
      before = this.#traffic.events;
    }
  }

  #address(entry: () => unknown): AddressInfo | string {
    const bound = this.node.address();
    if (bound !== null) return bound;
    throw new Caller(entry).blame(notListening());
  }

  /** What Node's server does by itself, or was told by others. */
  #notice(): void {
    const { now } = this.#state;
    if (now === "idle" || now === "closed") this.#state.become("listening");
  }

  #checkOpen(): void {
    const { now } = this.#state;
    if (now === "listening" || now === "draining") return;
    // Node's server listens before it says so.
    if (this.node.listening) return this.#notice();
    if (now === "closed")
      throw withCode("ERR_SERVER_CLOSED", new Error("the server is closed: it has to listen again first"));
    throw notListening();
  }

  /** The pull form and Nim's: a call with a line of its own, and in a test with a limit. */
  #acceptFor<T>(loop: boolean, given: WaitOptions | undefined, use: (exchange: Exchange) => T): Promise<T> {
    let wait = given;
    if (this.#rules !== undefined && (given === undefined || (typeof given === "object" && given !== null))) {
      wait = { ...given, timeout: given?.timeout ?? this.#rules.timeout };
    }
    // Handled from the call on, whatever becomes of the wait.
    if (typeof wait?.while?.then === "function") Client.of(wait.while);
    const caller = wait === undefined ? undefined : new Caller(acceptRequest);
    const accepted = this.#accept(loop, wait, use, caller);
    // A test that has failed elsewhere awaits no wait, whose own error would come on top.
    if (this.#rules !== undefined) void handled(accepted);
    return accepted;
  }

  /** @param ended gives what is given, instead of an error, if the server is closed */
  #accept<T>(
    loop: boolean,
    wait: WaitOptions | undefined,
    use: (exchange: Exchange) => T,
    caller: Caller | undefined,
    ended?: () => T,
  ): Promise<T> {
    if (ended !== undefined && this.#state.now === "closed" && !this.node.listening) return Promise.resolve(ended());
    try {
      this.#checkOpen();
      if (wait !== undefined) checkWait(wait);
    } catch (error) {
      return Promise.reject((caller ?? new Caller(acceptRequest)).blame(error as Error));
    }
    if (wait?.signal?.aborted === true) return Promise.reject(wait.signal.reason as Error);
    if (loop && this.#errors.length > 0) return Promise.reject(this.#errors.takeFirst() as Error);
    const exchange = wait?.where === undefined ? this.#queue.take() : undefined;
    if (exchange !== undefined) return Promise.resolve(use(exchange));
    const waiter = new Wait(loop, use, ended);
    if (wait === undefined) this.#queue.wait(waiter);
    else {
      waiter.limit(wait, {
        queue: this.#queue,
        caller,
        quiet: () => this.quiet(),
        keepsAlive: this.#rules?.keepsAlive === true,
        url: () => (this.node.listening ? this.url : "a server that is being closed"),
        hasRequest: () => this.#traffic.hasRequest,
        report: (called) => this.#traffic.describe(this.#clients.connections.values(), called),
      });
    }
    return waiter.promise;
  }

  /** Keeps an error for `close`, unless that has been. */
  #keep(error: unknown, exchange: Exchange): void {
    const late = this.#state.now === "closed" && this.#closing === undefined;
    if (late) this.#callbacks.print(error, String(exchange));
    else this.#errors.keep(error, String(exchange));
  }

  async #end(grace: number): Promise<void> {
    if (grace === 0) this.#skipGrace?.();
    const closing = (this.#closing ??= this.#shut(grace));
    await closing;
    // Somebody who woke up earlier may have begun another one.
    if (this.#closing === closing) this.#closing = undefined;
    // A listen that was called before this, and waited for an earlier close to end, has begun by now.
    if (this.#state.now === "listening") await this.#end(grace);
  }

  async #shut(grace: number): Promise<void> {
    const skipped = new Promise<void>((resolve) => (this.#skipGrace = resolve));
    // With grace from the call on: what is responded in the same turn is the last on its connection already.
    if (grace === 0 || this.#binding !== undefined) await this.#binding?.catch(ignore);
    this.#state.become("draining");
    const closed = stopListening(this.node);
    if (grace > 0)
      await finishWithin(grace, this.#clients.connections, Promise.race([closed, skipped]), this.node.requestTimeout);
    this.#skipGrace = undefined;
    this.#stop();
    let cut = false;
    for (const { exchanges } of this.#clients.connections.values()) cut ||= exchanges.length > 0;
    await endAll(this.#clients, closed, this.#rules?.farewell);
    // A handler, or a `respond` that it did not await, may fail because its client was disconnected.
    if (cut || WatchedPromise.doubtful > 0) await afterPoll();
    this.#endServing();
  }

  /** Nothing is accepted from here on. */
  #stop(): void {
    this.#state.become("closed");
    this.#queue.endAll("closed");
    this.#queue.serve(undefined);
  }

  #endServing(): void {
    this.#served?.();
    this.#served = undefined;
  }

  /** Closes at the end of an `await using` block. */
  async #dispose(): Promise<void> {
    this.#disposed = true;
    await this.close();
  }

  static {
    makeDisposable(this.prototype, (server) => server.#dispose());
  }
}

export interface AsyncHttpServer {
  /** Closes the server at the end of an `await using` block; defined where `Symbol.asyncDispose` is. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The functions that are on the stack when they were called, whatever a spy has put in their place. */
const { acceptRequest, getPort, listen, serve } = AsyncHttpServer.prototype;
const getUrl = Object.getOwnPropertyDescriptor(AsyncHttpServer.prototype, "url")!.get!;

function notListening(): Error {
  return withCode("ERR_SERVER_NOT_LISTENING", new Error("the server does not listen: await listen first"));
}

function ignore(): void {}
