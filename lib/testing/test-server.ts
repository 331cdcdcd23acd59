import type { Socket } from "node:net";
import { AsyncHttpServer, type TestRules } from "../async-http-server";
import type { RequestCallback } from "../request";
import type { AsyncHttpServerOptions } from "../options";
import { Caller } from "../errors";
import { requestOf, type Request } from "../request";
import type { Exchange } from "../wire/exchange";

const RULES: TestRules = {
  // Jest's own 5 s would end the test without saying what was missing.
  timeout: 4_000,
  // Under node:test a wait with nothing else alive has to outlive the event loop, or its error is never seen. Jest lives
  // by itself, and complains of whatever keeps it alive after its tests.
  keepsAlive: !runsInJest(),
  // Of all errors the one that clients never take for a passing weakness: got, ky, axios-retry, undici's RetryAgent,
  // superagent, ofetch and Octokit do not try again after a 410.
  farewell: { status: 410, text: "The test ended before this request was answered (asynchttpserver)." },
};

function runsInJest(): boolean {
  try {
    return (process.env.JEST_WORKER_ID ?? "") !== "";
  } catch {
    // Deno without `--allow-env`.
    return false;
  }
}

/**
 * Starts a server for a test, on a free port of 127.0.0.1; `useTestServer` starts and closes one for each test.
 *
 * It is there for as long as something else keeps the process alive: a server that is never closed, with whatever
 * clients, does not keep Jest from ending. The error of a handler is not printed; `close` is rejected with it, so that
 * an `expect` that failed in a handler fails the test.
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
 * const request = await server.acceptRequest({ while: reply });
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
  const server = made(options);
  await server.listen(0);
  if (callback !== undefined) void server.serve(callback);
  return server;
}

function made(options: AsyncHttpServerOptions): TestServer {
  try {
    return new TestServer(options);
  } catch (error) {
    throw new Caller(startTestServer).blame(error as Error);
  }
}

/**
 * A server for a test: an `AsyncHttpServer` that remembers its requests and never keeps the process alive.
 *
 * Its waits last 4 s unless they say otherwise (`timeout: Infinity` for no end), and none of them becomes an unhandled
 * rejection. At `close` a request that has no response gets 410 with a text that says why, which common clients do not
 * retry.
 *
 * @see {@link startTestServer}
 */
export class TestServer extends AsyncHttpServer {
  /**
   * Every request that has arrived, in that order, with or without a response; with `stream: true` as soon as its head has.
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
    super(options, RULES);
    this.node.unref();
    // With TLS too this is the TCP connection, which is what the event loop counts; or a stream that somebody has emitted.
    this.node.on("connection", (socket: Partial<Socket>) => socket.unref?.());
  }

  /**
   * Cleans up after a test and goes on listening, for one server for a whole file: call it in `afterEach`.
   *
   * It empties `requests`. Requests that have no response get the 410 of `close`, then their connections end; so do those
   * on which half a request has come, or which another protocol has taken, such as WebSocket. Idle ones that have had a
   * request stay. The waits of `acceptRequest` are rejected with `ERR_SERVER_CLOSED`. The handler of `serve` stays.
   *
   * @returns settles when all that is done
   * @throws as a rejection, as `close`: the error of a handler that was reported nowhere else; an AggregateError of several
   *
   * @example
   * import { startTestServer } from "asynchttpserver/testing";
   * import assert from "node:assert";
   *
   * const server = await startTestServer();
   * const reply = fetch(`${server.url}/a`);
   * await server.acceptRequest({ while: reply });
   * await server.reset();
   * assert.equal((await reply).status, 410);
   * assert.deepEqual(server.requests, []);
   * await server.close();
   */
  async reset(): Promise<void> {
    // A client that was called just before a test failed has its request forgotten, too, not left to the next test.
    await this.quiet();
    (this.requests as Request[]).length = 0;
    await this.forget();
  }

  /** @internal */
  override quiet(): Promise<void> {
    return super.quiet();
  }

  /** @internal */
  protected override arrived(exchange: Exchange): void {
    (this.requests as Request[]).push(requestOf(exchange));
  }
}
