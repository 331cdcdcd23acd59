import { AsyncLocalStorage, createHook } from "node:async_hooks";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import type { AsyncHttpServer, AsyncHttpServerOptions, Request } from "../../lib/index";
import { RawClient } from "../helpers/raw-client";
import { get, makeServer, post, settle, startServer } from "../helpers/servers";

// Every handler runs in the asynchronous context of its own request: that in which Node has emitted it.

const storage = new AsyncLocalStorage<string>();

/** As a tracer does: every event that brings a request is emitted in a context of its own, named by its target. */
function trace(server: AsyncHttpServer): void {
  const emit = server.node.emit as (event: string, ...given: unknown[]) => boolean;
  server.node.emit = function (this: unknown, event: string, ...given: unknown[]): boolean {
    const { url } = (given[0] ?? {}) as Partial<IncomingMessage>;
    if (url === undefined) return emit.call(this, event, ...given);
    return storage.run(url, () => emit.call(this, event, ...given));
  };
}

/** What a client sends in packets, and the targets whose handlers run. */
interface Arrival {
  readonly packets: readonly string[];
  readonly targets: readonly string[];
}

const upgradeFields = ["Connection: Upgrade", "Upgrade: x"];
const chunked = (target: string): string => `POST ${target} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n`;
const withBody = (target: string): string =>
  `POST ${target} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 4\r\n\r\nbody`;

const arrivals: Readonly<Record<string, Arrival>> = {
  "one request": { packets: [get("/1")], targets: ["/1"] },
  "one after the other": { packets: [get("/1"), get("/2"), get("/3")], targets: ["/1", "/2", "/3"] },
  pipelined: { packets: [get("/1") + get("/2") + get("/3")], targets: ["/1", "/2", "/3"] },
  bodies: { packets: [post("/1", "body"), post("/2", "body")], targets: ["/1", "/2"] },
  "a body behind its head": { packets: [post("/1", "", 4), "body", get("/2")], targets: ["/1", "/2"] },
  "chunks, pipelined": {
    packets: [`${chunked("/1")}4\r\nbody\r\n`, `0\r\n\r\n${chunked("/2")}0\r\n\r\n`],
    targets: ["/1", "/2"],
  },
  "large bodies": {
    packets: [post("/1", "x".repeat(300_000)), post("/2", "x".repeat(300_000))],
    targets: ["/1", "/2"],
  },
  "Expect: 100-continue": {
    packets: ["POST /1 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n", "body", get("/2")],
    targets: ["/1", "/2"],
  },
  "behind a refused upgrade": {
    packets: [get("/1", ...upgradeFields), get("/2"), get("/3")],
    targets: ["/1", "/2", "/3"],
  },
  "behind a refused upgrade, in its packet": {
    packets: [get("/1", ...upgradeFields) + get("/2") + post("/3", "x")],
    targets: ["/1", "/2", "/3"],
  },
  "between two refused upgrades": {
    packets: [get("/1", ...upgradeFields) + get("/2") + get("/3", ...upgradeFields) + get("/4")],
    targets: ["/1", "/2", "/3", "/4"],
  },
  "an upgrade request with a body": { packets: [withBody("/1")], targets: ["/1"] },
};

type Handler = (request: Request) => unknown;

/** The ways in which a handler is given its requests. */
const ways: Readonly<
  Record<
    string,
    { options?: AsyncHttpServerOptions; listens?: true; run(server: AsyncHttpServer, handler: Handler): void }
  >
> = {
  serve: { run: (server, handler) => void server.serve(handler) },
  "the loop of acceptRequest": {
    run(server, handler) {
      void (async () => {
        for (;;) await server.acceptRequest(handler);
      })().catch(() => undefined);
    },
  },
  "serve within the descriptors": {
    listens: true,
    run: (server, handler) => void server.serve(0, handler, "127.0.0.1", 5),
  },
  "serve, streamed": { options: { stream: true }, run: (server, handler) => void server.serve(handler) },
};

/** Sends the packets, each when the one before was taken in, and waits for all responses. */
async function send(server: AsyncHttpServer, { packets, targets }: Arrival): Promise<void> {
  const client = await RawClient.connect(server);
  for (const packet of packets) {
    await client.send(packet);
    await settle(server);
  }
  await client.read(targets.length);
}

async function startedBy(
  way: string,
  handler: Handler,
  prepare: (server: AsyncHttpServer) => void,
): Promise<AsyncHttpServer> {
  const { options, listens, run } = ways[way]!;
  const server = listens === true ? makeServer(options) : await startServer(options);
  prepare(server);
  run(server, handler);
  if (listens === true) await once(server.node, "listening");
  return server;
}

describe.each(Object.keys(ways))("with %s", (way) => {
  test.each(Object.entries(arrivals))("%s: each handler has its own context, at every step", async (_name, arrival) => {
    const seen: Array<[target: string, ...contexts: unknown[]]> = [];
    const server = await startedBy(
      way,
      async (request) => {
        const contexts: unknown[] = [storage.getStore()];
        await text(request.bodyStream);
        contexts.push(storage.getStore());
        await new Promise((resolve) => setImmediate(resolve));
        contexts.push(storage.getStore());
        await request.respond(
          200,
          (async function* () {
            contexts.push(storage.getStore());
            yield "piece";
            contexts.push(storage.getStore());
          })(),
        );
        seen.push([request.raw.url!, ...contexts, storage.getStore()]);
      },
      trace,
    );
    await send(server, arrival);
    expect(seen).toEqual(arrival.targets.map((target) => [target, ...Array<string>(6).fill(target)]));
  });

  test.each(Object.entries(arrivals))("%s: what one handler enters, no other one is in", async (_name, arrival) => {
    const seen: unknown[] = [];
    const server = await startedBy(
      way,
      async (request) => {
        seen.push(storage.getStore());
        storage.enterWith(`user of ${request.raw.url!}`);
        await request.readBody();
        await request.respond(200);
        storage.enterWith(`still user of ${request.raw.url!}`);
      },
      () => undefined,
    );
    await send(server, arrival);
    expect(seen).toEqual(arrival.targets.map(() => undefined));
  });
});

describe("a request that waited in the queue", () => {
  test.each([
    ["serve", (server: AsyncHttpServer, handler: Handler) => void server.serve(handler)],
    ["the loop", (server: AsyncHttpServer, handler: Handler) => void server.acceptRequest(handler)],
  ])("is given to %s in its own context", async (_name, run) => {
    const server = await startServer();
    trace(server);
    const client = await RawClient.connect(server);
    await client.send(get("/first"));
    await settle(server);
    const seen = new Promise((resolve) => {
      storage.run("of whoever serves", () =>
        run(server, (request) => {
          resolve([request.raw.url, storage.getStore()]);
          return request.respond(200);
        }),
      );
    });
    expect(await seen).toEqual(["/first", "/first"]);
  });
});

test("who pulls requests goes on in a context of his own", async () => {
  const server = await startServer();
  trace(server);
  const client = await RawClient.connect(server);
  await storage.run("pulls", async () => {
    const pulled = server.acceptRequest();
    await client.send(get("/1") + post("/2", "body"));
    await (await pulled).respond(200);
    expect(storage.getStore()).toBe("pulls");
    for await (const request of server) {
      expect(storage.getStore()).toBe("pulls");
      await request.respond(200);
      break;
    }
    expect(storage.getStore()).toBe("pulls");
  });
});

test("where is asked in the context of its caller", async () => {
  const server = await startServer();
  trace(server);
  const client = await RawClient.connect(server);
  const seen: unknown[] = [];
  const where = ({ url }: Request): boolean => {
    seen.push([url.path, storage.getStore()]);
    return url.path === "/2";
  };
  const picked = storage.run("caller", () => server.acceptRequest({ where }));
  await client.send(get("/1"));
  await (await server.acceptRequest()).respond(200);
  await client.send(get("/2"));
  await (await picked).respond(200);
  expect(seen).toEqual([
    ["/1", "caller"],
    ["/2", "caller"],
  ]);
});

test("onError runs in the context of the request that failed", async () => {
  const seen: unknown[] = [];
  const server = await startServer({ onError: (_error, request) => seen.push([request!.raw.url, storage.getStore()]) });
  trace(server);
  void server.serve(async (request) => {
    if (request.url.path === "/1") throw new Error("at once");
    await new Promise((resolve) => setImmediate(resolve));
    // Not awaited: reported later.
    if (request.url.path === "/2") return void request.respond(99);
    throw new Error("later");
  });
  for (const target of ["/1", "/2", "/3"]) await fetch(server.url + target, { method: "POST", body: "body" });
  expect(seen).toEqual([
    ["/1", "/1"],
    ["/2", "/2"],
    ["/3", "/3"],
  ]);
});

test("contexts keep no process alive, which Jest's --detectOpenHandles asks", async () => {
  const asked: boolean[] = [];
  const hook = createHook({
    init(_id, type, _trigger, resource) {
      if (/^(?:HTTPCONNECTION|HTTPREQUEST|ACCEPTREQUEST)$/.test(type))
        asked.push((resource as { hasRef(): boolean }).hasRef());
    },
  });
  const server = await startServer();
  hook.enable();
  try {
    const reply = fetch(server.url, { method: "POST", body: "body" });
    await (await server.acceptRequest({ where: () => true })).respond(204);
    await reply;
  } finally {
    hook.disable();
  }
  expect(asked).toEqual([false, false, false]);
});
