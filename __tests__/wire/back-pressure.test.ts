import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import type { AsyncHttpServer } from "../../lib/index";
import { parityRoutes, startParityApp } from "../helpers/parity-app";
import { headerValues, RawClient } from "../helpers/raw-client";
import {
  connectRaw,
  deferred,
  get,
  disconnected,
  post,
  rejectionOf,
  settle,
  startServer,
  startServing,
} from "../helpers/servers";
import { roundTrip } from "../helpers/wire-case";

const MIB = 1024 * 1024;
/** What one read brings, a few times: far less than the floods below. */
const FEW_READS = 256 * 1024;
const flood = Buffer.from(get("/flood").repeat(Math.ceil((8 * MIB) / get("/flood").length)));

/** Turns of the event loop in each of which a socket that is read gives one chunk: enough to read several MiB. */
async function manyTurns(): Promise<void> {
  for (let i = 0; i < 100; i++) await turn();
}

/** Counts what Node makes a request of. */
function countRequests(server: AsyncHttpServer): { count: number } {
  const seen = { count: 0 };
  server.node.on("request", () => seen.count++);
  return seen;
}

describe("a client that goes on sending", () => {
  test("behind a refused request is read to its end, but nothing is a request any more", async () => {
    const server = await startServer();
    const seen = countRequests(server);
    const { client, socket } = await connectRaw(server);
    await client.send("GET / HTTP/1.1\r\n\r\n");
    expect((await client.read(1))[0]).toMatchObject({ status: 400, whole: true });
    const bytes = flood.subarray(0, MIB);
    await client.send(bytes);
    client.half();
    await disconnected(socket);
    expect(seen.count).toBe(1);
    expect(socket.bytesRead).toBeGreaterThanOrEqual(bytes.length);
  });

  test("behind the last request of a server that is being closed is held back", async () => {
    const server = await startServer();
    const seen = countRequests(server);
    const { client, socket } = await connectRaw(server);
    await client.send(get("/last"));
    const request = await server.acceptRequest();
    const closed = server.close({ grace: 5_000 });
    void client.send(flood);
    await manyTurns();
    expect(client.socket.writableLength).toBeGreaterThan(0);
    expect(socket.bytesRead).toBeLessThan(FEW_READS);
    expect(seen.count).toBeLessThan(FEW_READS / get("/flood").length);
    await request.respond(200, "last");
    await closed;
  });

  test("behind a response that waits for its client is held back each time the response goes on", async () => {
    const server = await startServer();
    const { client, socket } = await connectRaw(server);
    await client.send(get("/stream"));
    const request = await server.acceptRequest();
    void client.send(flood);
    let drains = 0;
    socket.on("drain", () => drains++);
    const sent = deferred();
    async function* source(): AsyncGenerator<Buffer> {
      for (let i = 0; i < 8; i++) yield Buffer.alloc(MIB / 2);
      sent.resolve();
      await new Promise(() => {});
    }
    void request.respond(200, source());
    await sent.promise;
    await manyTurns();
    expect(drains).toBeGreaterThan(0);
    expect(socket.bytesRead).toBeLessThan(FEW_READS);
  });

  test("is not told that it is slow (408): the request that was held back is answered", async () => {
    const http = { headersTimeout: 200, requestTimeout: 200, connectionsCheckingInterval: 50 };
    const server = await startServer({ http });
    const { client } = await connectRaw(server);
    const timedOut = once(server.node, "clientError");
    await client.send(get("/1") + post("/2", "half", 8));
    const first = await server.acceptRequest();
    expect((await timedOut)[0]).toMatchObject({ code: "ERR_HTTP_REQUEST_TIMEOUT" });
    await first.respond(200, "first");
    await client.read(1);
    await client.send("done");
    const second = await server.acceptRequest({ timeout: 4_000 });
    await second.respond(200, second.body);
    expect((await client.read(2)).map(({ status, body }) => `${status} ${String(body)}`)).toEqual([
      "200 first",
      "200 halfdone",
    ]);
  });
});

test("a body that was complete before anybody asked for it does not start the reading of a taken socket", async () => {
  const server = await startServer();
  const { client } = await connectRaw(server);
  await client.send(post("/", "x".repeat(70_000)));
  await settle(server);
  await (await server.acceptRequest()).respond(200, "posted");
  await client.send(get("/", "Connection: Upgrade", "Upgrade: echo"));
  await settle(server);
  const request = await server.acceptRequest();
  await request.respond(101, "", { Connection: "Upgrade", Upgrade: "echo" });
  expect(await rejectionOf(server.acceptRequest({ timeout: 20 }))).toMatchObject({ code: "ERR_ACCEPT_TIMEOUT" });
  await client.send("later");
  await settle(server);
  expect(String(request.client.read())).toBe("later");
});

describe("behind a response that only the end of the connection can end, nothing is run", () => {
  async function* pieces(): AsyncGenerator<string> {
    yield "a";
    yield "b";
  }
  const old = (target: string): string => `GET ${target} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`;

  test("one that is shorter than its Content-Length", async () => {
    const ran: string[] = [];
    const server = await startServing((request) => {
      ran.push(request.url.path);
      return request.respond(200, "abc", { "Content-Length": "10" });
    });
    const { client, socket } = await connectRaw(server);
    await client.send(post("/1", "one") + post("/2", "two"));
    expect((await client.end()).map(({ whole }) => whole)).toEqual([false]);
    client.half();
    await disconnected(socket);
    expect(ran).toEqual(["/1"]);
  });

  test("a stream to HTTP/1.0 with keep-alive", async () => {
    const ran: string[] = [];
    const server = await startServing((request) => {
      ran.push(request.url.path);
      return request.respond(200, pieces());
    });
    const { client, socket } = await connectRaw(server);
    await client.send(old("/1") + old("/2"));
    expect((await client.end()).map(({ body }) => String(body))).toEqual(["ab"]);
    client.half();
    await disconnected(socket);
    expect(ran).toEqual(["/1"]);
  });
});

describe("responses that are never read", () => {
  test("bound how many requests of the connection are run, and come in order once they are read", async () => {
    const count = 400;
    const content = "x".repeat(65_536);
    const large = await startParityApp({}, (request) =>
      request.url.path === "/large"
        ? request.respond(200, content, { "x-query": request.url.query })
        : parityRoutes(request),
    );
    const client = await RawClient.connect(large.server);
    client.socket.pause();
    await client.send(Array.from({ length: count }, (_, i) => get(`/large?${i}`)).join(""));
    for (let i = 0; i < 20; i++) await roundTrip(large);
    const ran = large.ran.filter((line) => line.startsWith("GET /large")).length;
    // 25 MiB of responses: what the buffers of the operating system hold, and no more, was asked for.
    expect(ran).toBeLessThan(count / 2);
    client.socket.resume();
    const responses = await client.read(count);
    expect(responses.map((response) => headerValues(response, "x-query")[0])).toEqual(
      Array.from({ length: count }, (_, i) => `${i}`),
    );
    expect(responses.every((response) => response.body.length === content.length)).toBe(true);
  });
});
