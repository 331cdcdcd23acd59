import { createServer } from "node:http";
import { connect } from "node:net";
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Request } from "../../lib/index";
import { RawClient } from "../helpers/raw-client";
import { deferred, get, hasSettled, makeServer, rejectionOf, settle, startServer } from "../helpers/servers";

const failure = new Error("the client broke");

/** Counts rejections that nobody handles, while the test runs. */
const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", note);
});
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.removeListener("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

test("a client that asks gets its request handed over; what it comes to later is its own matter", async () => {
  const server = await startServer();
  const response = fetch(server.url).then(() => Promise.reject(failure));
  const request = await server.acceptRequest({ while: response });
  await request.respond(200);
  await expect(response).rejects.toBe(failure);
});

describe("a client that is done before it has asked", () => {
  test("and has failed: the error comes at once, with its own as cause", async () => {
    const server = await startServer();
    const begun = performance.now();
    const error = await rejectionOf(server.acceptRequest({ while: Promise.reject(failure), timeout: 30_000 }));
    expect(performance.now() - begun).toBeLessThan(3_500);
    expect(error).toMatchObject({ name: "Error", code: "ERR_CLIENT_FINISHED", cause: failure });
    expect(error.message.split("\n")).toEqual([
      `the client failed before a request arrived at ${server.url}: Error: the client broke`,
      "No client has connected. Did it use this URL?",
    ]);
  });

  test.each<[value: unknown, shown: string]>([
    [undefined, "its promise was fulfilled"],
    ["200", "its promise was fulfilled with '200'"],
    [200, "its promise was fulfilled with 200"],
    [{ status: 404 }, "its promise was fulfilled with { status: 404 }"],
  ])("and was fulfilled with %p: the error says so", async (value, shown) => {
    const server = await startServer();
    const error = await rejectionOf(server.acceptRequest({ while: Promise.resolve(value) }));
    expect(error).toMatchObject({ code: "ERR_CLIENT_FINISHED" });
    expect(error).not.toHaveProperty("cause");
    expect(error.message.split("\n")[0]).toBe(
      `the client was done before a request arrived at ${server.url}: ${shown}`,
    );
  });

  test("because it went to another server: the cause of its cause is named", async () => {
    const server = await startServer();
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    await new Promise((resolve) => other.close(resolve));
    const error = await rejectionOf(server.acceptRequest({ while: fetch(`http://127.0.0.1:${port}`) }));
    expect(error.message).toContain(`TypeError: fetch failed (connect ECONNREFUSED 127.0.0.1:${port})`);
  });

  test("because the handler of serve answered it: what it asked for is told", async () => {
    const server = await startServer();
    void server.serve((request) => request.respond(404));
    const response = fetch(`${server.url}/order`, { method: "POST" }).then(({ status }) => status);
    const where = ({ url }: { url: { path: string } }): boolean => url.path === "/orders";
    const { message } = await rejectionOf(server.acceptRequest({ where, while: response, timeout: 30_000 }));
    expect(message).toContain("its promise was fulfilled with 404");
    expect(message).toContain("  POST /order: answered with 404");
  });
});

test.each<[what: string, thing: unknown]>([
  ["null", null],
  [
    "an error whose stack cannot be read",
    Object.defineProperty(new Error("x"), "stack", {
      get: () => {
        throw failure;
      },
    }),
  ],
  [
    "an error whose message cannot be read",
    Object.defineProperty(new Error("x"), "message", {
      get: () => {
        throw failure;
      },
    }),
  ],
  [
    "a revoked proxy",
    (() => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return proxy;
    })(),
  ],
])("a client that fails with %s", async (_what, thing) => {
  const server = await startServer();
  const client = new Promise((_resolve, reject) => reject(thing));
  const error = await rejectionOf(server.acceptRequest({ while: client }));
  expect(error).toMatchObject({ code: "ERR_CLIENT_FINISHED" });
  expect(error.cause === thing).toBe(true);
});

describe("the promise counts as handled from the call on", () => {
  test.each<[when: string, wait: object]>([
    ["the options are wrong", { timeout: -1 }],
    ["the signal was aborted before", { signal: AbortSignal.abort(failure) }],
    ["the time is over first", { timeout: 1 }],
    ["a request was queued", {}],
  ])("also when %s", async (_when, wait) => {
    const server = await startServer();
    const gate = deferred();
    const client = gate.promise.then(() => Promise.reject(failure));
    if (Object.keys(wait).length === 0) {
      await (await RawClient.connect(server)).send(get());
      await settle(server);
      await server.acceptRequest({ while: client });
    } else await rejectionOf(server.acceptRequest({ ...wait, while: client }));
    gate.resolve();
    await settle(server);
  });

  test("also when the server is closed, or never listened", async () => {
    await rejectionOf(makeServer().acceptRequest({ while: Promise.reject(failure) }));
    const server = await startServer();
    await server.close();
    await rejectionOf(server.acceptRequest({ while: Promise.reject(failure) }));
  });
});

describe("a request that is there, or on its way, wins over the end of its client", () => {
  test("in the queue", async () => {
    const server = await startServer();
    await (await RawClient.connect(server)).send(get("/queued"));
    await settle(server);
    expect((await server.acceptRequest({ while: Promise.reject(failure) })).url.path).toBe("/queued");
  });

  test.each([1, 2, 3, 4, 5])("in the socket of a client that is done as soon as it has written (%i)", async () => {
    const server = await startServer();
    const socket = connect(server.getPort(), "127.0.0.1");
    const client = new Promise<void>((resolve) => socket.write(get("/written"), () => resolve()));
    const request = await server.acceptRequest({ while: client });
    expect(request.url.path).toBe("/written");
    socket.destroy();
  });

  test("in the very turn in which it arrives", async () => {
    const server = await startServer();
    const { promise, resolve } = deferred();
    server.node.prependListener("request", () => resolve());
    await (await RawClient.connect(server)).send(get("/same"));
    expect((await server.acceptRequest({ while: promise })).url.path).toBe("/same");
  });
});

test("a thenable counts as a promise, and is asked once only", async () => {
  const server = await startServer();
  let asked = 0;
  const thenable = {
    then(resolve: (value: unknown) => void, reject: (reason: unknown) => void): void {
      asked++;
      reject(failure);
      resolve(1);
      throw new Error("too late");
    },
  };
  const error = await rejectionOf(server.acceptRequest({ while: thenable as PromiseLike<unknown> }));
  expect(error.cause).toBe(failure);
  expect(asked).toBe(1);
});

test("a client that is still at work keeps the wait", async () => {
  const server = await startServer();
  const { promise, resolve } = deferred();
  const waiting = server.acceptRequest({ while: promise });
  await settle(server);
  expect(await hasSettled(waiting)).toBe(false);
  resolve();
  await rejectionOf(waiting);
});

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

test("the requests of waits beside a client that runs on are let go of", async () => {
  const server = await startServer();
  const client = new Promise<never>(() => {});
  const requests: Array<WeakRef<Request>> = [];
  for (let i = 0; i < 40; i++) {
    const waiting = server.acceptRequest({ while: client });
    const response = fetch(server.url);
    const request = await waiting;
    requests.push(new WeakRef(request));
    await request.respond(200);
    await (await response).text();
  }
  await settle(server);
  collect();
  // The latest may still be on some stack.
  expect(requests.filter((request) => request.deref() !== undefined).length).toBeLessThan(10);
});

test("a client of many waits is asked once", async () => {
  const server = await startServer();
  const { promise, resolve } = deferred();
  const asked = jest.spyOn(promise, "then");
  const serveOne = async (): Promise<void> => {
    const waiting = server.acceptRequest({ while: promise });
    const response = fetch(server.url);
    await (await waiting).respond(200);
    await response;
  };
  await serveOne();
  const once = asked.mock.calls.length;
  for (let i = 0; i < 3; i++) await serveOne();
  expect(asked).toHaveBeenCalledTimes(once);
  const waiting = server.acceptRequest({ while: promise });
  resolve();
  expect(await rejectionOf(waiting)).toMatchObject({ code: "ERR_CLIENT_FINISHED" });
  const late = await rejectionOf(server.acceptRequest({ while: promise }));
  expect(late).toMatchObject({ code: "ERR_CLIENT_FINISHED" });
});
