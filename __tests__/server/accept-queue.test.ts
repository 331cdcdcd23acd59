import { getEventListeners, once } from "node:events";
import { Request, type AsyncHttpServer, type WaitOptions } from "../../lib/index";
import { headerValues, RawClient } from "../helpers/raw-client";
import {
  connectRaw,
  deferred,
  get,
  disconnected,
  hasSettled,
  makeServer,
  nextSocket,
  post,
  rejectionOf,
  settle,
  startServer,
} from "../helpers/servers";

const MIB = 1024 * 1024;

/** Sends a request on a connection of its own and waits until the server has it. */
async function queue(server: AsyncHttpServer, target: string): Promise<RawClient> {
  const arrived = once(server.node, "request");
  const client = await RawClient.connect(server);
  await client.send(get(target));
  await arrived;
  return client;
}

function pathOf(request: Request): string {
  return request.url.path;
}

describe("the pull form", () => {
  test("gives the request, which is answered later", async () => {
    const server = await startServer();
    const response = fetch(`${server.url}/login`, { method: "POST", body: "{}" });
    const request = await server.acceptRequest();
    expect(request).toBeInstanceOf(Request);
    expect([request.reqMethod, request.url.path, request.body]).toEqual(["POST", "/login", "{}"]);
    await request.respond(200, "welcome");
    expect(await (await response).text()).toBe("welcome");
  });

  test("gives a request only when its body is whole", async () => {
    const server = await startServer();
    const accepted = server.acceptRequest();
    const client = await RawClient.connect(server);
    await client.send(post("/whole", "first ", 11));
    await settle(server);
    expect(await hasSettled(accepted)).toBe(false);
    await client.send("later");
    expect((await accepted).body).toBe("first later");
  });

  test("gives queued requests in the order of their arrival", async () => {
    const server = await startServer();
    for (const target of ["/1", "/2", "/3"]) await queue(server, target);
    const paths = [await server.acceptRequest(), await server.acceptRequest(), await server.acceptRequest()].map(
      pathOf,
    );
    expect(paths).toEqual(["/1", "/2", "/3"]);
  });

  test("serves several waiting calls first come, first served", async () => {
    const server = await startServer();
    const order: string[] = [];
    const calls = ["a", "b", "c"].map((name) =>
      server.acceptRequest().then((request) => void order.push(`${name} ${pathOf(request)}`)),
    );
    for (const target of ["/1", "/2", "/3"]) await queue(server, target);
    await Promise.all(calls);
    expect(order).toEqual(["a /1", "b /2", "c /3"]);
  });

  test("never throws, it rejects", async () => {
    const calls: Array<() => Promise<unknown>> = [
      () => makeServer().acceptRequest(),
      () => makeServer().acceptRequest({ timeout: -1 }),
      () => makeServer().acceptRequest(() => {}, { timeout: -1 }),
    ];
    for (const call of calls) expect(await rejectionOf(call())).toHaveProperty("code");
  });
});

describe("bodies that are not whole", () => {
  test("one slow upload never blocks the rest", async () => {
    const server = await startServer();
    const slow = await RawClient.connect(server);
    await slow.send(post("/slow", "a", 2));
    await settle(server);
    const accepted = server.acceptRequest();
    await queue(server, "/quick");
    expect(pathOf(await accepted)).toBe("/quick");
    const next = server.acceptRequest();
    await slow.send("b");
    expect(await next).toMatchObject({ body: "ab" });
  });

  test("all are read while somebody waits, and the first whole one is given", async () => {
    const server = await startServer();
    const clients: RawClient[] = [];
    // More than is read unasked, so that the reading depends on the call that waits.
    for (const target of ["/1", "/2", "/3"]) {
      const client = await RawClient.connect(server);
      await client.send(post(target, "x".repeat(MIB), MIB + 1));
      clients.push(client);
    }
    const accepted = server.acceptRequest();
    await clients[1]!.send("!");
    const request = await accepted;
    expect([pathOf(request), request.rawBody.length]).toEqual(["/2", MIB + 1]);
  });

  test("are not read while nobody waits: TCP holds the client back", async () => {
    const server = await startServer();
    const { client, socket } = await connectRaw(server);
    const body = "x".repeat(8 * MIB);
    const sent = client.send(post("/held", body));
    for (let i = 0; i < 10; i++) await settle(server);
    expect(socket.bytesRead).toBeLessThan(MIB / 2);
    expect(client.socket.writableLength).toBeGreaterThan(0);
    const request = await server.acceptRequest();
    await sent;
    expect(request.body === body).toBe(true);
  });

  test("are read again no further when the wait was given up", async () => {
    const server = await startServer();
    const { client, socket } = await connectRaw(server);
    const wait = new AbortController();
    const accepted = server.acceptRequest({ signal: wait.signal });
    await client.send(post("/held", "x".repeat(1024), 8 * MIB));
    await settle(server);
    wait.abort();
    await rejectionOf(accepted);
    void client.send("x".repeat(8 * MIB - 1024));
    for (let i = 0; i < 10; i++) await settle(server);
    expect(socket.bytesRead).toBeLessThan(MIB / 2);
    expect((await server.acceptRequest()).rawBody).toHaveLength(8 * MIB);
  });

  test("100 Continue is sent only when somebody waits", async () => {
    const server = await startServer();
    const client = await RawClient.connect(server);
    await client.send("POST /expect HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    for (let i = 0; i < 3; i++) await settle(server);
    expect(client.responses).toEqual([]);
    const accepted = server.acceptRequest();
    expect((await client.readAny(1)).map(({ status }) => status)).toEqual([100]);
    await client.send("ok");
    const request = await accepted;
    expect(request.body).toBe("ok");
    await request.respond(204);
    expect((await client.read(1)).map(({ status }) => status)).toEqual([100, 204]);
  });

  test("100 Continue comes at once while somebody waits", async () => {
    const server = await startServer();
    const accepted = server.acceptRequest();
    const client = await RawClient.connect(server);
    await client.send("POST /expect HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    await client.readAny(1);
    await client.send("ok");
    expect((await accepted).body).toBe("ok");
  });
});

describe("a client that disconnects", () => {
  test.each<[how: string, disconnect: (client: RawClient) => void]>([
    ["with a reset", (client) => client.reset()],
    ["with an end", (client) => client.destroy()],
  ])("%s takes its queued request with it", async (_how, disconnect) => {
    const server = await startServer();
    const accepted = nextSocket(server);
    const leaving = await queue(server, "/leaving");
    await queue(server, "/stays");
    const closed = disconnected(await accepted);
    disconnect(leaving);
    await closed;
    expect(pathOf(await server.acceptRequest())).toBe("/stays");
  });

  test("in the middle of its body leaves the waiting call to the next", async () => {
    const server = await startServer();
    const accepted = server.acceptRequest();
    const { client, socket } = await connectRaw(server);
    await client.send(post("/half", "ha", 4));
    await settle(server);
    client.reset();
    await disconnected(socket);
    expect(await hasSettled(accepted)).toBe(false);
    await queue(server, "/next");
    expect(pathOf(await accepted)).toBe("/next");
  });
});

describe("one at a time on a connection", () => {
  test("pipelined requests are given in order, each when the one before it is answered", async () => {
    const server = await startServer();
    const client = await RawClient.connect(server);
    await client.send(get("/1") + post("/2", "two") + get("/3"));
    const first = await server.acceptRequest();
    const second = server.acceptRequest();
    await settle(server);
    expect(await hasSettled(second)).toBe(false);
    await first.respond(200, "one");
    expect([pathOf(await second), (await second).body]).toEqual(["/2", "two"]);
    const third = server.acceptRequest();
    await settle(server);
    expect(await hasSettled(third)).toBe(false);
    await (await second).respond(200, "two");
    await (await third).respond(200, "three");
    expect((await client.read(3)).map(({ body }) => body.toString())).toEqual(["one", "two", "three"]);
  });

  test("what a connection has in waiting is bounded, and all of it is answered in order", async () => {
    const server = await startServer();
    const { client, socket } = await connectRaw(server);
    const count = 2_000;
    const padding = `X-Padding: ${"p".repeat(4096)}`;
    void client.send(Array.from({ length: count }, (_, i) => get(`/${i}`, padding)).join(""));
    const first = await server.acceptRequest();
    for (let i = 0; i < 10; i++) await settle(server);
    expect(socket.bytesRead).toBeLessThan(MIB / 2);
    expect(client.socket.writableLength).toBeGreaterThan(0);
    await first.respond(200, pathOf(first));
    void server.serve((request) => request.respond(200, pathOf(request)));
    const responses = await client.read(count);
    expect(responses.map(({ body }) => body.toString())).toEqual(Array.from({ length: count }, (_, i) => `/${i}`));
  });
});

describe("timeout", () => {
  test("rejects with an error that says how long, and that nothing came", async () => {
    const server = await startServer();
    const error = await rejectionOf(server.acceptRequest({ timeout: 20 }));
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: "TimeoutError", code: "ERR_ACCEPT_TIMEOUT" });
    expect(error.message.split("\n")).toEqual([
      `no request arrived within 20 ms at ${server.url}`,
      "No client has connected. Was it called, and with this URL?",
    ]);
  });

  test("tells what has arrived so far", async () => {
    const server = await startServer();
    const answered = await queue(server, "/answered");
    await (await server.acceptRequest()).respond(404);
    await answered.read(1);
    const { client: leaving, socket } = await connectRaw(server);
    await leaving.send(get("/left"));
    await server.acceptRequest();
    leaving.reset();
    await disconnected(socket);
    const pipelining = await RawClient.connect(server);
    await pipelining.send(get("/accepted") + get("/behind"));
    await server.acceptRequest();
    await (await RawClient.connect(server)).send(post("/upload", "abc", 10));
    const chunked = await RawClient.connect(server);
    await chunked.send("PUT /chunks HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
    await settle(server);
    const { message } = await rejectionOf(server.acceptRequest({ timeout: 1 }));
    expect(message.split("\n").slice(1)).toEqual([
      "What came so far:",
      "  GET /answered: answered with 404",
      "  GET /left: the client disconnected before the response",
      // The client that `settle` makes.
      "  bytes that are not HTTP: refused with 400 Bad Request",
      "  GET /accepted: accepted, not answered yet",
      "  GET /behind: waits for the response to the request before it on its connection",
      "  POST /upload: its body is incomplete, 3 of 10 bytes",
      "  PUT /chunks: its body is incomplete, 2 bytes so far, chunked",
    ]);
  });

  test("names the latest of many requests that are over", async () => {
    const server = await startServer();
    const client = await RawClient.connect(server);
    await client.send(Array.from({ length: 70 }, (_, i) => get(`/${i}`)).join(""));
    for (let i = 0; i < 70; i++) await (await server.acceptRequest()).respond(200);
    const { message } = await rejectionOf(server.acceptRequest({ timeout: 1 }));
    const latest = Array.from({ length: 20 }, (_, i) => `  GET /${i + 50}: answered with 200`);
    expect(message.split("\n").slice(1)).toEqual(["What came so far:", "  and 50 earlier", ...latest]);
  });

  test("ends nothing when a request came in time", async () => {
    const server = await startServer();
    const accepted = server.acceptRequest({ timeout: 5_000 });
    await queue(server, "/in-time");
    expect(pathOf(await accepted)).toBe("/in-time");
  });

  test("of 0 still gives a request that is queued", async () => {
    const server = await startServer();
    await queue(server, "/queued");
    expect(pathOf(await server.acceptRequest({ timeout: 0 }))).toBe("/queued");
    expect(await rejectionOf(server.acceptRequest({ timeout: 0 }))).toMatchObject({ code: "ERR_ACCEPT_TIMEOUT" });
  });

  test.each([[2 ** 31 - 1], [Infinity]])("of %p waits", async (timeout) => {
    const server = await startServer();
    const accepted = server.acceptRequest({ timeout });
    await settle(server);
    expect(await hasSettled(accepted)).toBe(false);
    await server.close();
    expect(await rejectionOf(accepted)).toMatchObject({ code: "ERR_SERVER_CLOSED" });
  });
});

describe("signal", () => {
  test.each<[what: string, reason: unknown]>([
    ["its reason", new Error("enough")],
    ["its reason that is no error", "enough"],
  ])("rejects with %s", async (_what, reason) => {
    const server = await startServer();
    const wait = new AbortController();
    const accepted = server.acceptRequest({ signal: wait.signal });
    wait.abort(reason);
    await expect(accepted).rejects.toBe(reason);
    await expect(server.acceptRequest({ signal: wait.signal })).rejects.toBe(reason);
  });

  test("rejects with the AbortError of a plain abort", async () => {
    const server = await startServer();
    const signal = AbortSignal.abort();
    await expect(server.acceptRequest({ signal })).rejects.toBe(signal.reason);
  });

  test("is let go of, whichever way the wait ends", async () => {
    const server = await startServer();
    const wait = new AbortController();
    const { signal } = wait;
    const listeners = (): number => getEventListeners(signal, "abort").length;
    const accepted = server.acceptRequest({ signal });
    expect(listeners()).toBe(1);
    await queue(server, "/1");
    await accepted;
    expect(listeners()).toBe(0);
    await rejectionOf(server.acceptRequest({ signal, timeout: 1 }));
    expect(listeners()).toBe(0);
    const closed = server.acceptRequest({ signal });
    await server.close();
    await rejectionOf(closed);
    expect(listeners()).toBe(0);
  });
});

describe("a rejected wait loses no request", () => {
  test("the next call gets it", async () => {
    const server = await startServer();
    await rejectionOf(server.acceptRequest({ timeout: 1 }));
    await queue(server, "/kept");
    expect(pathOf(await server.acceptRequest())).toBe("/kept");
  });

  test("a call with an aborted signal leaves a queued request where it is", async () => {
    const server = await startServer();
    await queue(server, "/kept");
    await rejectionOf(server.acceptRequest({ signal: AbortSignal.abort() }));
    await rejectionOf(server.acceptRequest({ timeout: -1 }));
    expect(pathOf(await server.acceptRequest())).toBe("/kept");
  });

  test("the calls behind it move up", async () => {
    const server = await startServer();
    const wait = new AbortController();
    const given = server.acceptRequest({ signal: wait.signal });
    const behind = server.acceptRequest();
    wait.abort();
    await rejectionOf(given);
    await queue(server, "/kept");
    expect(pathOf(await behind)).toBe("/kept");
  });
});

describe("wait options that make no sense", () => {
  test.each<[wait: object, error: ErrorConstructor]>([
    [{ timeout: -1 }, RangeError],
    [{ timeout: NaN }, RangeError],
    [{ timeout: 2 ** 31 }, RangeError],
    [{ timeout: "5" }, TypeError],
    [{ signal: {} }, TypeError],
    [{ signal: "abort" }, TypeError],
  ])("%p", async (wait, kind) => {
    const server = await startServer();
    const error = await rejectionOf(server.acceptRequest(wait as WaitOptions));
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
  });
});

describe("a server that does not listen", () => {
  test.each<[when: string, prepare: (server: AsyncHttpServer) => Promise<unknown>, code: string]>([
    ["before listen", async () => {}, "ERR_SERVER_NOT_LISTENING"],
    ["after listen failed", async (server) => rejectionOf(server.listen(-1)), "ERR_SERVER_NOT_LISTENING"],
    ["after close", async (server) => (await server.listen(0), server.close()), "ERR_SERVER_CLOSED"],
  ])("%s", async (_when, prepare, code) => {
    const server = makeServer();
    await prepare(server);
    for (const call of [server.acceptRequest(), server.acceptRequest(() => {})]) {
      expect(await rejectionOf(call)).toMatchObject({ code });
    }
  });

  test("in the middle of listen it waits", async () => {
    const server = makeServer();
    const listening = server.listen(0);
    const accepted = server.acceptRequest();
    await listening;
    await queue(server, "/early");
    expect(pathOf(await accepted)).toBe("/early");
  });

  test("close rejects every waiting call, each with an error of its own", async () => {
    const server = await startServer();
    const calls = [server.acceptRequest(), server.acceptRequest(() => {}), server.acceptRequest({ timeout: 5_000 })];
    const errors = Promise.all(calls.map(rejectionOf));
    await server.close();
    for (const error of await errors) {
      expect(error).toBeInstanceOf(Error);
      expect(error).toMatchObject({ code: "ERR_SERVER_CLOSED" });
    }
    expect(new Set(await errors).size).toBe(3);
  });
});

describe("Nim's form, with a handler", () => {
  test("resolves with nothing as soon as the request is handed over", async () => {
    const server = await startServer();
    const gate = deferred();
    const handed: Request[] = [];
    const accepted = server.acceptRequest(async (request) => {
      handed.push(request);
      await gate.promise;
      await request.respond(200, "late");
    });
    const client = await queue(server, "/handed");
    expect(await accepted).toBeUndefined();
    expect(handed.map(pathOf)).toEqual(["/handed"]);
    gate.resolve();
    expect((await client.read(1))[0]?.body.toString()).toBe("late");
  });

  test("gives a queued request to the handler before it returns", async () => {
    const server = await startServer();
    await queue(server, "/queued");
    const handed: string[] = [];
    const accepted = server.acceptRequest((request) => handed.push(pathOf(request)));
    expect(handed).toEqual(["/queued"]);
    await accepted;
  });

  test("takes wait options", async () => {
    const server = await startServer();
    const never = (): void => expect("the callback").toBe("not called");
    expect(await rejectionOf(server.acceptRequest(never, { timeout: 1 }))).toMatchObject({
      code: "ERR_ACCEPT_TIMEOUT",
    });
    const signal = AbortSignal.abort("enough");
    await expect(server.acceptRequest(never, { signal })).rejects.toBe("enough");
  });

  test("shares one line with the pull form", async () => {
    const server = await startServer();
    const order: string[] = [];
    const calls = [
      server.acceptRequest((request) => order.push(`callback ${pathOf(request)}`)),
      server.acceptRequest().then((request) => order.push(`pulled ${pathOf(request)}`)),
    ];
    await queue(server, "/1");
    await queue(server, "/2");
    await Promise.all(calls);
    expect(order).toEqual(["callback /1", "pulled /2"]);
  });

  test("a handler that is no promise, or a thenable that fails, is seen to", async () => {
    const server = await startServer({ onError: (error) => failures.push(error) });
    const failures: unknown[] = [];
    const thenable = { then: (_resolve: unknown, reject: (error: unknown) => void) => reject("a thenable failed") };
    for (const result of [undefined, null, 1, thenable]) {
      const client = await queue(server, "/");
      await server.acceptRequest((request) => {
        if (result !== thenable) void request.respond(200);
        return result;
      });
      expect((await client.read(1))[0]?.status).toBe(result === thenable ? 500 : 200);
    }
    expect(failures).toEqual(["a thenable failed"]);
  });
});

test("a response names the connection's future as HTTP/1.1 does: silence means it stays open", async () => {
  const server = await startServer();
  const client = await queue(server, "/1");
  await (await server.acceptRequest()).respond(200);
  const [response] = await client.read(1);
  expect(headerValues(response!, "connection")).not.toContain("close");
  await client.send(get("/2"));
  expect(pathOf(await server.acceptRequest())).toBe("/2");
});

test("two arguments without a handler are an error with the line that called", async () => {
  const server = await startServer();
  const misspelt = undefined as unknown as () => void;
  const error = await rejectionOf(server.acceptRequest(misspelt, { timeout: 1_000 }));
  expect(error).toBeInstanceOf(TypeError);
  expect(error).toHaveProperty("code", "ERR_INVALID_ARGUMENT");
  expect(error.message).toBe("acceptRequest with two arguments needs a callback; got undefined");
  expect(error.stack).toContain("accept-queue.test");
});
