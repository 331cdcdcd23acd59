import { AsyncHttpServer } from "../async-http-server";
import type { RequestCallback } from "../server/callbacks";
import type { AsyncHttpServerOptions, WaitOptions } from "../options";
import type { Request } from "../request";

/** Milliseconds that a wait lasts unless told: Jest's own 5 s would end the test without saying what was missing. */
const DEFAULT_WAIT = 4_000;

/**
 * Starts a server for a test, on a free port of 127.0.0.1.
 *
 * It is there for as long as something else keeps the process alive: a server that is never closed, with whatever
 * clients, does not keep Jest from ending. The error of a callback is not printed; `close` is rejected with it, so that
 * an `expect` that failed in a callback fails the test.
 *
 * @param callback is given every request; without it, ask for them with `acceptRequest`
 * @param options as for `newAsyncHttpServer`
 * @returns settles when the server listens
 * @throws as a rejection: what `newAsyncHttpServer` and `listen` throw
 *
 * @example
 * import { Http200 } from "asynchttpserver";
 * import { startTestServer } from "asynchttpserver/testing";
 * import assert from "node:assert";
 *
 * const server = await startTestServer();
 * const reply = fetch(`${server.url}/login`, { method: "POST", body: "{}" });
 * const request = await server.acceptRequest();
 * assert.deepEqual(request.json(), {});
 * await request.respond(Http200, "welcome");
 * assert.equal(await (await reply).text(), "welcome");
 * await server.close();
 */
export function startTestServer(options: AsyncHttpServerOptions): Promise<TestServer>;
/**
 * Starts a server for a test, on a free port of 127.0.0.1; without a handler, its requests wait for `acceptRequest`.
 *
 * @param callback is given every request
 * @param options as for `newAsyncHttpServer`
 */
export function startTestServer(callback?: RequestCallback, options?: AsyncHttpServerOptions): Promise<TestServer>;
export async function startTestServer(
  first?: RequestCallback | AsyncHttpServerOptions,
  second?: AsyncHttpServerOptions,
): Promise<TestServer> {
  const [callback, options = {}] = typeof first === "function" ? [first, second] : [undefined, first ?? second];
  const server = new TestServer(options);
  await server.listen(0);
  if (callback !== undefined) void server.serve(callback);
  return server;
}

/**
 * A server for a test: an `AsyncHttpServer` that remembers its requests and never keeps the process alive.
 *
 * @see {@link startTestServer}
 */
export class TestServer extends AsyncHttpServer {
  /**
   * Every request that has arrived whole, in that order, answered or not.
   *
   * @example
   * import { Http204 } from "asynchttpserver";
   * import { startTestServer } from "asynchttpserver/testing";
   * import assert from "node:assert";
   *
   * const server = await startTestServer((request) => request.respond(Http204));
   * await fetch(`${server.url}/a`);
   * await fetch(`${server.url}/b`, { method: "PUT", body: "1" });
   * assert.deepEqual(server.requests.map((request) => request.url.path), ["/a", "/b"]);
   * assert.equal(server.requests[1].body, "1");
   * await server.close();
   */
  readonly requests: readonly Request[] = [];

  /** @internal */
  constructor(options: AsyncHttpServerOptions) {
    super(options);
    this.node.unref();
    // With TLS too this is the TCP connection, which is what the event loop counts.
    this.node.on("connection", (socket) => socket.unref());
  }

  /**
   * Waits for the next request, as the method of `AsyncHttpServer` does, but for 4 s unless told otherwise.
   *
   * @param callback is given the request
   * @param wait `timeout` in milliseconds, `Infinity` for no end; default 4000; `signal`
   * @returns the request; with a callback, nothing
   * @throws as a rejection: what the method of `AsyncHttpServer` throws
   *
   * @example
   * import { startTestServer } from "asynchttpserver/testing";
   * import assert from "node:assert";
   *
   * const server = await startTestServer();
   * await assert.rejects(server.acceptRequest({ timeout: 20 }), { code: "ERR_ACCEPT_TIMEOUT" });
   * await server.close();
   */
  override acceptRequest(callback: RequestCallback, wait?: WaitOptions): Promise<void>;
  override acceptRequest(wait?: WaitOptions): Promise<Request>;
  override acceptRequest(first?: RequestCallback | WaitOptions, second?: WaitOptions): Promise<Request | void> {
    if (typeof first === "function") return super.acceptRequest(first, withEnd(second));
    return super.acceptRequest(withEnd(first));
  }

  /** @internal */
  protected override arrived({ request }: { readonly request: Request }): void {
    (this.requests as Request[]).push(request);
  }

  /** The test runner shows what `close` is rejected with. @internal */
  protected override print(): void {}
}

function withEnd(wait: WaitOptions = {}): WaitOptions {
  // What is no object is refused by whoever takes it.
  return typeof wait === "object" && wait !== null ? { ...wait, timeout: wait.timeout ?? DEFAULT_WAIT } : wait;
}
