import { Agent, IncomingMessage, ServerResponse, type RequestListener } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import type { AsyncHttpServer, AsyncHttpServerOptions, Request } from "../../lib/index";
import { requestOf } from "../helpers/node-client";
import { RawClient } from "../helpers/raw-client";
import { deferred, get, post, send, startServer } from "../helpers/servers";

// What others do on `server.node`, as they would on a bare one: nothing hangs, and nothing is answered twice.

const upgrade = get("/up", "Connection: Upgrade", "Upgrade: websocket");
const connect = "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n";

/** As ws, engine.io and http-proxy answer an upgrade. */
function switching(_raw: IncomingMessage, socket: Duplex): void {
  socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  socket.on("data", (chunk: Buffer) => socket.write(`echo ${String(chunk)}`));
}

function tunnel(_raw: IncomingMessage, socket: Duplex): void {
  socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
  socket.on("data", (chunk: Buffer) => socket.write(`echo ${String(chunk)}`));
}

/** Everything that the server sends until it contains a text. */
async function receive(client: RawClient, last: string): Promise<string> {
  let received = "";
  await new Promise<void>((resolve) => {
    client.socket.on("data", (chunk: Buffer) => {
      received += String(chunk);
      if (received.includes(last)) resolve();
    });
  });
  return received;
}

const modes: ReadonlyArray<[mode: string, options: AsyncHttpServerOptions]> = [
  ["gathered", {}],
  ["streamed", { stream: true }],
];

describe.each(modes)("%s: a listener for upgrades", (_mode, options) => {
  test.each([
    ["upgrade", upgrade, switching, "GET"],
    ["connect", connect, tunnel, "CONNECT"],
  ] as const)("of %s takes them for itself, and requests go on", async (event, bytes, listener, method) => {
    const ran: string[] = [];
    const server = await startServer(options);
    void server.serve((request) => {
      ran.push(request.raw.url!);
      return request.respond(200, "http");
    });
    server.node.on(event, listener);
    const client = await RawClient.connect(server, [method]);
    const received = receive(client, "echo hi");
    await client.send(bytes);
    await client.read(1);
    await client.send("hi");
    expect((await received).match(/HTTP\/1\.1 \d+/g)).toHaveLength(1);
    expect(await (await fetch(`${server.url}/plain`)).text()).toBe("http");
    expect(ran).toEqual(["/plain"]);
    server.node.removeListener(event, listener);
    const second = await RawClient.connect(server, [method]);
    await second.send(bytes);
    expect((await second.read(1)).map(({ status }) => status)).toEqual([200]);
    expect(ran).toHaveLength(2);
    await server.close();
  });

  test("hands an upgrade out to nobody who waits", async () => {
    const server = await startServer(options);
    server.node.on("upgrade", switching);
    const waiting = server.acceptRequest();
    const client = await RawClient.connect(server);
    await client.send(upgrade);
    expect((await client.read(1)).map(({ status }) => status)).toEqual([101]);
    const response = fetch(`${server.url}/plain`);
    await (await waiting).respond(200, "plain");
    expect(await (await response).text()).toBe("plain");
  });
});

/** What another request listener can do. `answers`: does the response come from it? */
const listeners: Readonly<Record<string, { answers: boolean; listen: RequestListener }>> = {
  "answers at once": { answers: true, listen: (_raw, response) => response.end("theirs") },
  "answers later": { answers: true, listen: (_raw, response) => void setTimeout(() => response.end("theirs"), 5) },
  "reads the body, then answers": {
    answers: true,
    listen: (raw, response) => void text(raw).then((body) => response.end(`theirs${body.length > 0 ? "" : ""}`)),
  },
  "swaps the prototypes, as Express does, then answers": {
    answers: true,
    listen(raw, response) {
      Object.setPrototypeOf(raw, Object.create(IncomingMessage.prototype) as object);
      Object.setPrototypeOf(response, Object.create(ServerResponse.prototype) as object);
      void text(raw).then(() => response.end("theirs"));
    },
  },
  "only observes": { answers: false, listen: (_raw, response) => void response.on("finish", () => undefined) },
  "reads the body, and does not answer": { answers: false, listen: (raw) => void text(raw) },
  "swaps the prototypes, and does not answer": {
    answers: false,
    listen(raw, response) {
      Object.setPrototypeOf(raw, Object.create(IncomingMessage.prototype) as object);
      Object.setPrototypeOf(response, Object.create(ServerResponse.prototype) as object);
    },
  },
};

const sent: Readonly<Record<string, string>> = {
  GETs: get("/a"),
  bodies: post("/a", "body"),
  chunks: "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
  "large bodies": post("/a", "x".repeat(300_000)),
  "upgrade requests": upgrade,
};

const order: ReadonlyArray<[name: string, add: "on" | "prependListener"]> = [
  ["behind the library", "on"],
  ["before the library", "prependListener"],
];

describe.each(modes)("%s: a second listener for requests", (mode, options) => {
  describe.each(order)("%s", (_where, add) => {
    // A streamed body that the handler leaves unread ends the connection, whoever listens.
    const played = Object.entries(listeners).filter(([, { answers }]) => answers || mode === "gathered");
    const all = played.flatMap(([does, listener]) =>
      Object.entries(sent).map(([what, bytes]) => ({ does, listener, what, bytes })),
    );

    test.each(all)("that $does: five $what on one connection", async ({ listener, what, bytes }) => {
      const server = await startServer(options);
      server.node[add]("request", listener.listen);
      // It never sees an upgrade request, to which it is no listener.
      const theirs = listener.answers && what !== "upgrade requests";
      if (!theirs) void server.serve((request) => request.respond(200, "ours"));
      const client = await RawClient.connect(server);
      for (let count = 1; count <= 3; count++) {
        await client.send(bytes);
        await client.read(count);
      }
      await client.send(bytes + bytes);
      const texts = (await client.read(5)).map(({ body }) => body.toString());
      expect(texts).toEqual(Array<string>(5).fill(theirs ? "theirs" : "ours"));
    });
  });
});

describe("a second listener for requests, beside a handler", () => {
  /** @param told how many errors of the handler are waited for */
  async function both(
    handler: (request: Request) => unknown,
    listen: RequestListener,
    told = 0,
  ): Promise<{ texts: string[]; errors: unknown[] }> {
    const errors: unknown[] = [];
    const all = deferred();
    const server = await startServer({ onError: (error) => errors.push(error) === told && all.resolve() });
    server.node.on("request", listen);
    void server.serve(handler);
    const client = await RawClient.connect(server);
    const texts: string[] = [];
    for (let count = 1; count <= 3; count++) {
      await client.send(get("/a"));
      texts.push((await client.read(count)).at(-1)!.body.toString());
    }
    if (told > 0) await all.promise;
    return { texts, errors };
  }

  async function* late(): AsyncGenerator<string> {
    await new Promise((resolve) => setTimeout(resolve, 5));
    yield "ours";
  }

  test.each<[handler: string, handle: (request: Request) => Promise<void>]>([
    ["waits", async (request) => request.respond(200, await text(late()))],
    ["waits for a source", (request) => request.respond(200, late())],
  ])("the listener that is faster wins, and the handler that %s is told", async (_handler, handle) => {
    const { texts, errors } = await both(handle, (_raw, response) => response.end("theirs"), 3);
    expect(texts).toEqual(["theirs", "theirs", "theirs"]);
    expect(errors).toMatchObject(Array(3).fill({ code: "ERR_ALREADY_ANSWERED" }));
  });

  test.each<[content: string, respond: (request: Request) => Promise<void>]>([
    ["text", (request) => request.respond(200, "ours")],
    ["nothing", (request) => request.respond(200)],
    ["a source", (request) => request.respond(200, late())],
  ])("what sendHeaders has begun and the listener ends: the handler that sends %s is told", async (_what, respond) => {
    const responses = new Map<IncomingMessage, ServerResponse>();
    const { texts, errors } = await both(
      async (request) => {
        await request.sendHeaders({});
        responses.get(request.raw)!.end("theirs");
        // Node has not said yet that the response has finished.
        await expect(respond(request)).rejects.toMatchObject({ code: "ERR_ALREADY_ANSWERED" });
      },
      (raw, response) => void responses.set(raw, response),
    );
    expect([texts, errors]).toEqual([["theirs", "theirs", "theirs"], []]);
  });

  test.each<[begun: string, begin: (request: Request, end: Promise<void>) => Promise<void>]>([
    ["sendHeaders", (request) => request.sendHeaders({ "content-length": "9" })],
    [
      "a source",
      (request, end) =>
        request.respond(
          200,
          (async function* () {
            yield "o";
            await end;
          })(),
          { "content-length": "9" },
        ),
    ],
  ])("the length that %s has promised, and the listener does not keep, ends the connection", async (_begun, begin) => {
    const server = await startServer();
    const [begun, ended] = [deferred(), deferred()];
    server.node.once("request", (_raw, response) => {
      void begun.promise.then(() => response.end("theirs", () => ended.resolve()));
    });
    void server.serve((request) => begin(request, ended.promise));
    const client = await send(server, get("/a") + get("/b"));
    await new Promise((resolve) => client.socket.once("data", resolve));
    begun.resolve();
    expect((await client.end()).map(({ whole, body }) => [whole, body.toString().replace("o", "")])).toEqual([
      [false, "theirs"],
    ]);
    expect(client.state).toBe("eof");
  });

  test("a listener that waits finds the response sent", async () => {
    const { texts, errors } = await both(
      (request) => request.respond(200, "ours"),
      (_raw, response) =>
        void setImmediate(() => {
          if (!response.headersSent) response.end("theirs");
        }),
    );
    expect([texts, errors]).toEqual([["ours", "ours", "ours"], []]);
  });
});

describe("a listener for requests that are not the library's", () => {
  test("gets a body above maxBody whole", async () => {
    const server = await startServer({ maxBody: 1000 });
    server.node.on("request", (raw, response) => void text(raw).then((body) => response.end(String(body.length))));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 3; i++) {
      const { text: answer } = await requestOf(
        { port: server.getPort(), method: "POST", agent },
        "x".repeat(1_000_000),
      );
      expect(answer).toBe("1000000");
    }
    agent.destroy();
  });

  test("that only observes leaves a body above maxBody to the library: 413", async () => {
    const server = await startServer({ maxBody: 1000 });
    server.node.on("request", (_raw, response) => void response.on("finish", () => undefined));
    void server.serve((request) => request.respond(200));
    const { status } = await requestOf({ port: server.getPort(), method: "POST" }, "x".repeat(100_000));
    expect(status).toBe(413);
  });

  test("learns that the rest of a body above maxBody cannot be read, and so does the client", async () => {
    const server = await startServer({ maxBody: 4 });
    const aborted = new Promise<void>((resolve) => {
      server.node.on("request", (raw) => void raw.on("data", () => {}).on("aborted", resolve));
    });
    const client = await RawClient.connect(server);
    await client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\nno chunk\r\n");
    await aborted;
    await client.end();
  });

  test("gets requests that expect 100, too", async () => {
    const server = await startServer();
    server.node.on("request", (raw, response) => void text(raw).then((body) => response.end(body)));
    const client = await RawClient.connect(server);
    for (const count of [1, 2, 3]) {
      await client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
      await client.readAny(count * 2 - 1);
      await client.send("body");
      expect((await client.read(count)).at(-1)?.body.toString()).toBe("body");
    }
  });

  test("answers before the body is whole, and the connection goes on", async () => {
    const server = await startServer();
    server.node.on("request", (_raw, response) => response.end("early"));
    const client = await RawClient.connect(server);
    for (const count of [1, 2, 3]) {
      await client.send(post("/", "", 4));
      await client.read(count);
      await client.send("body");
    }
    expect(client.state).toBe("open");
  });
});

describe("a listener for clientError", () => {
  test("of Node's documentation answers alone", async () => {
    const server = await startServer();
    server.node.on(
      "clientError",
      (_error, socket) => void socket.end("HTTP/1.1 400 Theirs\r\nContent-Length: 0\r\n\r\n"),
    );
    const client = await RawClient.connect(server);
    await client.send("no request\r\n\r\n");
    expect((await client.end()).map(({ reason }) => reason)).toEqual(["Theirs"]);
  });
});

describe("what another listener has done to a response", () => {
  const errors: unknown[] = [];
  beforeEach(() => void (errors.length = 0));

  async function start(options: AsyncHttpServerOptions): Promise<AsyncHttpServer> {
    const server = await startServer({ ...options, onError: (error) => errors.push(error) });
    // Node refuses to announce trailers in front of content of a known length.
    server.node.prependListener("request", (_raw, response) => response.setHeader("Trailer", "x"));
    return server;
  }

  test("ends the connection of a handler that fails, whose error is told, and whose signal is aborted", async () => {
    const server = await start({});
    const failure = new Error("the handler's own");
    const aborted = deferred();
    void server.serve((request) => {
      request.signal.addEventListener("abort", () => aborted.resolve());
      throw failure;
    });
    await (await send(server)).end();
    await aborted.promise;
    expect(errors).toEqual([failure]);
  });

  test("ends the connection of a body that is too long", async () => {
    const server = await start({ maxBody: 1 });
    void server.serve((request) => request.respond(200));
    await (await send(server, post("/", "123"))).end();
    expect(errors).toEqual([]);
  });

  test("with the socket of an upgrade request, before the handler fails", async () => {
    const server = await startServer({ onError: (error) => errors.push(error) });
    const failure = new Error("the handler's own");
    void server.serve((request) => {
      new ServerResponse(request.raw).assignSocket(request.client);
      throw failure;
    });
    await (await send(server, upgrade)).end();
    expect(errors).toEqual([failure]);
  });
});

describe("a request that is emitted once more", () => {
  const requests = [
    ["a GET", get("/old")],
    ["a POST", post("/old", "1234")],
  ] as const;

  test.each(requests)("with another URL: %s is one request, and the connection goes on", async (_what, bytes) => {
    const server = await startServer();
    server.node.prependListener("request", (raw, response) => {
      if (raw.url !== "/old") return;
      raw.url = "/new";
      server.node.emit("request", raw, response);
    });
    void server.serve((request) => request.respond(200, request.raw.url));
    const client = await send(server, bytes);
    await client.read(1);
    await client.send(get("/next"));
    expect((await client.read(2)).map(({ body }) => String(body))).toEqual(["/new", "/next"]);
  });

  test("without a connection, as by a test of a listener, is left to that listener", async () => {
    const server = await startServer();
    const heard: string[] = [];
    server.node.on("request", (raw) => heard.push(raw.url!));
    const raw = Object.assign(new IncomingMessage(null as unknown as Socket), { url: "/made-up", method: "GET" });
    server.node.emit("request", raw, new ServerResponse(raw));
    expect(heard).toEqual(["/made-up"]);
  });

  test.each(requests)("on another server: %s stays with the first", async (_what, bytes) => {
    const [first, second] = [await startServer(), await startServer()];
    first.node.on("request", (raw, response) => second.node.emit("request", raw, response));
    void first.serve((request) => request.respond(200, "first"));
    void second.serve((request) => request.respond(200, "second"));
    const client = await send(first, bytes);
    await client.read(1);
    await client.send(bytes);
    expect((await client.read(2)).map(({ body }) => String(body))).toEqual(["first", "first"]);
  });
});

describe("a socket that goes from one server to another", () => {
  // As proxies that look into tunnels do it.
  test.each(["another", "the same"])("of %s, behind CONNECT, has its requests answered there", async (which) => {
    const first = await startServer();
    const second = which === "another" ? await startServer() : first;
    for (const server of new Set([first, second]))
      void server.serve((request) => request.respond(200, server === second ? "second" : "first"));
    first.node.on("connect", (_raw, socket, behind) => {
      socket.unshift(behind);
      second.node.emit("connection", socket);
    });
    const client = await send(first, connect);
    await client.send(get("/1"));
    await client.read(1);
    await client.send(get("/2"));
    expect((await client.read(2)).map(({ body }) => String(body))).toEqual(["second", "second"]);
    await second.close();
    await client.end();
    await first.close();
  });
});

test("what listens for the end of a response is the same for all requests", async () => {
  // One of its own for each would be kept, with its request, by lists that V8 has decided to make old at once.
  const server = await startServer();
  const listeners: unknown[] = [];
  // Node's own, of which it may have one for each, comes first.
  server.node.on("request", (_raw, response) => listeners.push(response.listeners("finish").at(-1)));
  void server.serve((request) => request.respond(200));
  const client = await send(server);
  await client.read(1);
  await client.send(get());
  await client.read(2);
  expect(listeners).toHaveLength(2);
  expect(listeners[0]).toBe(listeners[1]);
});
