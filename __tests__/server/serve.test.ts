import { once } from "node:events";
import fs from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { Http200, type AsyncHttpServer, type Request } from "../../lib/index";
import { RawClient } from "../helpers/raw-client";
import {
  connectRaw,
  deferred,
  echo,
  get,
  hasSettled,
  makeServer,
  post,
  rejectionOf,
  settle,
  startServer,
} from "../helpers/servers";

async function textOf(server: AsyncHttpServer, target = "/"): Promise<string> {
  return (await fetch(server.url + target)).text();
}

describe("starting", () => {
  test("listens on a port and serves", async () => {
    const server = makeServer();
    const served = server.serve(0, echo);
    await once(server.node, "listening");
    expect((server.node.address() as { address: string }).address).toBe("127.0.0.1");
    expect(await textOf(server, "/served")).toBe("/served|");
    expect(await hasSettled(served)).toBe(false);
  });

  test("listens on the address that it is given", async () => {
    const server = makeServer();
    void server.serve(0, echo, "0.0.0.0");
    await once(server.node, "listening");
    expect((server.node.address() as { address: string }).address).toBe("0.0.0.0");
    expect(await textOf(server)).toBe("/|");
  });

  test("serves with a server that listens already", async () => {
    const server = await startServer();
    void server.serve(echo);
    expect(await textOf(server)).toBe("/|");
  });

  test("on a port, while the server is being closed, begins behind that", async () => {
    const server = makeServer();
    const first = server.serve(0, echo);
    await once(server.node, "listening");
    const closing = server.close();
    void server.serve(0, (request) => request.respond(200, "second"));
    await Promise.all([first, closing]);
    if (!server.node.listening) await once(server.node, "listening");
    expect(await textOf(server)).toBe("second");
  });

  test("hands over what was queued before, in order, and unread bodies", async () => {
    const server = await startServer();
    const targets = ["/1", "/2"];
    for (const target of targets) {
      await (await RawClient.connect(server)).send(get(target));
      await settle(server);
    }
    const length = 1_000_000;
    void (await RawClient.connect(server)).send(post("/long", "x".repeat(length)));
    await settle(server);
    const handed: string[] = [];
    const all = deferred();
    void server.serve((request) => {
      handed.push(`${request.url.path} ${request.rawBody.length}`);
      if (handed.length === 3) all.resolve();
    });
    await all.promise;
    expect(handed).toEqual(["/1 0", "/2 0", `/long ${length}`]);
  });

  test.each<[what: string, start: (server: AsyncHttpServer, used: number) => Promise<void>, expected: object]>([
    ["a port in use", (server, used) => server.serve(used, echo), { code: "EADDRINUSE" }],
    [
      "a port out of range",
      (server) => server.serve(65_536, echo),
      { code: "ERR_INVALID_ARGUMENT", name: "RangeError" },
    ],
    [
      "no handler",
      (server) => server.serve(0, undefined as never),
      { code: "ERR_INVALID_ARGUMENT", name: "TypeError" },
    ],
    [
      "nothing at all",
      (server) => server.serve(undefined as never),
      { code: "ERR_INVALID_ARGUMENT", name: "TypeError" },
    ],
    ["a server that does not listen", (server) => server.serve(echo), { code: "ERR_SERVER_NOT_LISTENING" }],
  ])("%s is an error, and the server can be served afterwards", async (_what, start, expected) => {
    const server = makeServer();
    const used = (await startServer()).getPort();
    expect(await rejectionOf(start(server, used))).toMatchObject(expected);
    await server.listen(0);
    void server.serve(echo);
    expect(await textOf(server)).toBe("/|");
  });

  test("twice is an error, and the first goes on", async () => {
    const server = await startServer();
    void server.serve(echo);
    expect(await rejectionOf(server.serve(() => {}))).toMatchObject({ code: "ERR_ALREADY_SERVING" });
    expect(await rejectionOf(server.serve(0, () => {}))).toMatchObject({ code: "ERR_ALREADY_SERVING" });
    expect(await textOf(server)).toBe("/|");
  });

  test("a server that is closed is not served", async () => {
    const server = await startServer();
    await server.close();
    expect(await rejectionOf(server.serve(echo))).toMatchObject({ code: "ERR_SERVER_CLOSED" });
  });

  test("is refused while another serve is about to listen", async () => {
    const server = makeServer();
    const served = server.serve(0, (request) => request.respond(Http200, "first"));
    expect(await rejectionOf(server.serve(echo))).toMatchObject({ code: "ERR_ALREADY_SERVING" });
    if (!server.node.listening) await once(server.node, "listening");
    expect(await textOf(server)).toBe("first");
    await server.close();
    expect(await served).toBeUndefined();
  });
});

describe("the end", () => {
  test("resolves when the server is closed, not before", async () => {
    const server = await startServer();
    const served = server.serve(echo);
    await textOf(server);
    expect(await hasSettled(served)).toBe(false);
    await server.close();
    expect(await served).toBeUndefined();
  });

  test("after close, the server can be served again, by another handler", async () => {
    const server = await startServer();
    const first = server.serve((request) => request.respond(Http200, "first"));
    expect(await textOf(server)).toBe("first");
    await server.close();
    await first;
    await server.listen(0);
    void server.serve((request) => request.respond(Http200, "second"));
    expect(await textOf(server)).toBe("second");
  });

  test("after close, nothing is served any more", async () => {
    const server = await startServer();
    const handed: string[] = [];
    void server.serve((request) => handed.push(request.url.path));
    await server.close();
    await server.listen(0);
    const client = await RawClient.connect(server);
    await client.send(get("/pulled"));
    await settle(server);
    expect(handed).toEqual([]);
    expect((await server.acceptRequest()).url.path).toBe("/pulled");
  });
});

test("no handler waits for another", async () => {
  const server = await startServer();
  const gate = deferred();
  void server.serve(async (request) => {
    if (request.url.path === "/slow") await gate.promise;
    await request.respond(Http200, request.url.path);
  });
  const slow = textOf(server, "/slow");
  expect(await textOf(server, "/quick")).toBe("/quick");
  gate.resolve();
  expect(await slow).toBe("/slow");
});

test("a call that waits for a request comes before the handler", async () => {
  const server = await startServer();
  const accepted = server.acceptRequest();
  void server.serve(echo);
  const response = textOf(server, "/pulled");
  const request = await accepted;
  expect(await textOf(server, "/served")).toBe("/served|");
  await request.respond(Http200, "pulled");
  expect(await response).toBe("pulled");
});

describe("with assumed descriptors", () => {
  test.each([[0], [5], [-1]])("%p: accepts while there is room", async (assumed) => {
    const server = makeServer();
    const served = server.serve(0, echo, "127.0.0.1", assumed);
    await once(server.node, "listening");
    for (const target of ["/1", "/2", "/3"]) expect(await textOf(server, target)).toBe(`${target}|`);
    await server.close();
    await served;
  });

  test("more than the process may open: close ends it all the same", async () => {
    const server = makeServer();
    const served = server.serve(0, () => expect("the callback").toBe("not called"), "127.0.0.1", 2 ** 40);
    await once(server.node, "listening");
    await server.close();
    await served;
  });

  test("a loop that waited for descriptors when the server was closed does not come back", async () => {
    const server = makeServer();
    const old: string[] = [];
    const limit = jest.spyOn(fs, "readdirSync").mockImplementation(() => {
      throw Object.assign(new Error("EMFILE"), { code: "EMFILE" });
    });
    void server.serve(0, (request) => old.push(request.url.path), "127.0.0.1", 0);
    await once(server.node, "listening");
    await server.close();
    limit.mockRestore();
    await server.listen(0);
    // Longer than that loop would wait.
    await rejectionOf(server.acceptRequest({ timeout: 150 }));
    const { client } = await connectRaw(server);
    await client.send(get("/new"));
    await settle(server);
    expect(old).toEqual([]);
    expect((await server.acceptRequest({ timeout: 1_000 })).url.path).toBe("/new");
  });
});

/** How the requests of a server are taken, by each of the three kinds of loop. */
const loops: ReadonlyArray<
  [name: string, run: (server: AsyncHttpServer, callback: (r: Request) => unknown) => Promise<void>]
> = [
  [
    "the Nim loop",
    async (server, callback) => {
      while (server.node.listening) {
        if (server.shouldAcceptRequest()) await server.acceptRequest(callback);
        else await pause(500);
      }
    },
  ],
  ["serve", (server, callback) => server.serve(callback)],
  [
    "for await",
    async (server, callback) => {
      for await (const request of server) void callback(request);
    },
  ],
];

describe("1,000 clients on a handler that waits 200 ms, behind an upload that does not end", () => {
  test.each(loops)("through %s", async (name, run) => {
    const clients = 1_000;
    const server = await startServer();
    let inside = 0;
    const everybodyInside = deferred();
    const ended = run(server, async (request) => {
      if (++inside === clients) everybodyInside.resolve();
      await everybodyInside.promise;
      await pause(200);
      await request.respond(Http200, "done");
    }).catch((error: unknown) => error);
    const { client: upload } = await connectRaw(server);
    await upload.send(post("/upload", "1", 1_000));
    await settle(server);

    // In groups that fit the backlog of a listening socket: what exceeds it, the system tries again a second later.
    const all: RawClient[] = [];
    while (all.length < clients) {
      all.push(...(await Promise.all(Array.from({ length: 250 }, () => RawClient.connect(server)))));
    }
    const start = performance.now();
    const statuses = await Promise.all(
      all.map(async (client) => {
        await client.send(get("/"));
        return (await client.read(1))[0]?.status;
      }),
    );
    const took = performance.now() - start;
    expect(statuses).toEqual(Array.from({ length: clients }, () => 200));
    // One after the other it would take 200 s. The work of the clients themselves is in the figure.
    expect(took).toBeLessThan(20_000);
    await server.close();
    if (name === "the Nim loop") expect(await ended).toMatchObject({ code: "ERR_SERVER_CLOSED" });
    else expect(await ended).toBeUndefined();
  });
});
