import { once } from "node:events";
import { request as httpsRequest } from "node:https";
import type { IncomingMessage } from "node:http";
import { connect as connectTcp, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { Agent, fetch } from "undici";
import { newAsyncHttpServer, type AsyncHttpServer, type Request } from "../../lib/index";
import { testCertificate } from "../../lib/testing/index";
import { echo, get, disconnected, nextSocket, post, rejectionOf, startServer, startServing } from "../helpers/servers";

const { cert: ca } = testCertificate;
const tls = testCertificate;
const trusting = new Agent({ connect: { ca } });
afterAll(() => trusting.close());

const opened: Socket[] = [];
afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
});

/** A TCP connection to the TLS port, and the server's end of it, below TLS. */
async function dial(server: AsyncHttpServer): Promise<{ client: Socket; transport: Socket }> {
  const client = connectTcp({ port: server.getPort(), host: "127.0.0.1", allowHalfOpen: true }).on("error", () => {});
  opened.push(client);
  for (;;) {
    const transport = await nextSocket(server);
    if (transport.remotePort === client.localPort) return { client, transport };
  }
}

async function dialTls(server: AsyncHttpServer): Promise<TLSSocket> {
  const options = { port: server.getPort(), host: "127.0.0.1", ca, allowHalfOpen: true };
  const socket = connectTls(options);
  opened.push(socket);
  await once(socket, "secureConnect");
  return socket;
}

/** The first bytes of a handshake as a client sends them. */
function clientHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    connectTls({ socket: new Duplex({ read: () => {}, write: resolve }) as Socket });
  });
}

async function expectServes(server: AsyncHttpServer): Promise<void> {
  expect(await (await fetch(`${server.url}/on`, { dispatcher: trusting })).text()).toBe("/on|");
}

describe("HTTPS", () => {
  test("fetch with the certificate as ca: url is ready for it, the response comes", async () => {
    const server = await startServing(echo, { tls });
    expect(server.url).toBe(`https://127.0.0.1:${server.getPort()}`);
    const response = await fetch(`${server.url}/a?b`, { method: "POST", body: "secret", dispatcher: trusting });
    expect(await response.text()).toBe("/a?b|secret");
  });

  test.each(["localhost", "127.0.0.1"])("the certificate holds for %s", async (host) => {
    const server = await startServing(echo, { tls });
    const dispatcher = new Agent({
      connect: { ca, lookup: (_host, _options, done) => done(null, [{ address: "127.0.0.1", family: 4 }]) },
    });
    const response = await fetch(`https://${host}:${server.getPort()}/`, { dispatcher });
    expect(response.status).toBe(200);
    await response.text();
    await dispatcher.close();
  });

  test("the request knows its client, and the socket is the one that is encrypted", async () => {
    const server = await startServer({ tls });
    const response = fetch(server.url, { dispatcher: trusting });
    const request = await server.acceptRequest();
    expect(request.hostname).toBe("127.0.0.1");
    expect((request.client as TLSSocket).encrypted).toBe(true);
    await request.respond(204);
    await response;
  });

  test("many requests on one connection, pipelined ones too", async () => {
    const server = await startServing(echo, { tls });
    const socket = await dialTls(server);
    socket.end(get("/1") + post("/2", "two") + get("/3", "Connection: close"));
    const bodies = (await text(socket)).match(/\/\d\|\w*(?=HTTP|$)/g);
    expect(bodies).toEqual(["/1|", "/2|two", "/3|"]);
  });

  test("8 MiB up and down are the same bytes", async () => {
    const server = await startServing((request) => request.respond(200, request.rawBody), { tls });
    const body = Buffer.alloc(8_388_608, "0123456789abcdef\n");
    const response = await fetch(server.url, { method: "POST", body, dispatcher: trusting });
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
  });

  test("one byte over maxBody: the client sees 413", async () => {
    const server = await startServing(echo, { tls, maxBody: 1_000_000 });
    const response = await fetch(server.url, { method: "POST", body: Buffer.alloc(1_000_001), dispatcher: trusting });
    expect([response.status, await response.text()]).toEqual([413, "413 Request Entity Too Large"]);
  });

  test("a response that fails half-way is cut, so that the client does not take it for whole", async () => {
    const server = await startServing(
      (request) =>
        request.respond(
          200,
          (async function* () {
            yield "half";
            throw new Error("of it");
          })(),
        ),
      { tls, onError: () => {} },
    );
    const response = await fetch(server.url, { dispatcher: trusting });
    await expect(response.text()).rejects.toThrow();
    await expect(fetch(server.url, { method: "HEAD", dispatcher: trusting })).resolves.toMatchObject({ status: 200 });
  });

  test("a client that shuts its sending side gets its response", async () => {
    const server = await startServer({ tls });
    const socket = await dialTls(server);
    socket.write(get("/half"));
    const request = await server.acceptRequest();
    socket.end();
    await once(request.client, "end");
    await request.respond(200, "answered", { Connection: "close" });
    expect(await text(socket)).toMatch(/\r\n\r\nanswered$/);
  });

  test("an upgrade hands over the encrypted socket", async () => {
    const server = await startServing(
      async (request: Request) => {
        await request.respond(101, "", { Connection: "Upgrade", Upgrade: "echo" });
        request.client.pipe(request.client);
      },
      { tls },
    );
    const headers = { Connection: "Upgrade", Upgrade: "echo" };
    const asked = httpsRequest({ host: "127.0.0.1", port: server.getPort(), ca, headers }).end();
    const [, socket] = (await once(asked, "upgrade")) as [IncomingMessage, Socket];
    opened.push(socket);
    socket.end("over TLS");
    expect(await text(socket)).toBe("over TLS");
  });

  test("other options of a secure context are taken: TLS 1.2 only", async () => {
    const server = await startServing(
      (request) => request.respond(200, (request.client as TLSSocket).getProtocol() ?? ""),
      {
        tls: { ...tls, maxVersion: "TLSv1.2" },
      },
    );
    expect(await (await fetch(server.url, { dispatcher: trusting })).text()).toBe("TLSv1.2");
  });

  test.each([
    ["a key that is none", { ...tls, key: "no key" }],
    ["a certificate that is none", { ...tls, cert: "no certificate" }],
  ])("%s is an error at once", (_name, broken) => {
    expect(() => newAsyncHttpServer({ tls: broken })).toThrow(/routines/);
  });
});

/** Each does something that is no HTTPS, and settles when the server has let go of the connection. */
const strangers: ReadonlyArray<[name: string, come: (server: AsyncHttpServer) => Promise<unknown>]> = [
  [
    "plain HTTP",
    async (server) => {
      const { client, transport } = await dial(server);
      client.write(get("/plain"));
      await disconnected(transport);
    },
  ],
  ["fetch of http://", (server) => rejectionOf(fetch(server.url.replace("https:", "http:")))],
  [
    "a client that does not trust the certificate",
    async (server) =>
      expect((await rejectionOf(fetch(server.url))).cause).toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" }),
  ],
  [
    "a client without a common version",
    async (server) => {
      const { client, transport } = await dial(server);
      connectTls({ socket: client, ca, maxVersion: "TLSv1.1", minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" }).on(
        "error",
        () => {},
      );
      await disconnected(transport);
    },
  ],
  [
    "bytes that are no handshake",
    async (server) => {
      const { client, transport } = await dial(server);
      client.write(Buffer.alloc(4096, 0xff));
      await disconnected(transport);
    },
  ],
  [
    "a handshake that goes on as garbage",
    async (server) => {
      const { client, transport } = await dial(server);
      client.write(await clientHello());
      await once(client, "data");
      client.write(Buffer.alloc(512, 0x17));
      await disconnected(transport);
    },
  ],
  [
    "a client that connects and leaves",
    async (server) => {
      const { client, transport } = await dial(server);
      client.destroy();
      await disconnected(transport);
    },
  ],
  [
    "a client that disconnects within its first message",
    async (server) => {
      const { client, transport } = await dial(server);
      client.write((await clientHello()).subarray(0, 100));
      client.end();
      await disconnected(transport);
    },
  ],
  [
    "a client that resets in the middle of the handshake",
    async (server) => {
      const { client, transport } = await dial(server);
      client.write(await clientHello());
      await once(client, "data");
      client.resetAndDestroy();
      await disconnected(transport);
    },
  ],
  [
    "a client that resets below TLS while its request waits",
    async (server) => {
      const { client, transport } = await dial(server);
      // TLS on a stream leaves the TCP connection below it to the test.
      const below = Duplex.from({ readable: client, writable: client }) as Socket;
      const encrypted = connectTls({ socket: below, ca }).on("error", () => {});
      await once(encrypted, "secureConnect");
      encrypted.write(post("/", "half", 8));
      client.resetAndDestroy();
      await disconnected(transport);
    },
  ],
];

describe("the server is unharmed, and nothing reaches the handler, by", () => {
  test.each(strangers)("%s", async (_name, come) => {
    const server = await startServer({ tls });
    await come(server);
    const ran: string[] = [];
    void server.serve((request) => (ran.push(request.url.path), echo(request)));
    await expectServes(server);
    expect(ran).toEqual(["/on"]);
  });

  test("all of them at once, while others are served", async () => {
    const server = await startServing(echo, { tls });
    server.node.setMaxListeners(2 * strangers.length);
    await Promise.all(strangers.flatMap(([, come]) => [come(server), expectServes(server)]));
  });
});

describe("close", () => {
  const soon = 2_000;

  test.each<[state: string, open: (server: AsyncHttpServer) => Promise<unknown>]>([
    ["one that has not begun its handshake", dial],
    [
      "one in the middle of its handshake",
      async (server) => {
        const { client } = await dial(server);
        client.write((await clientHello()).subarray(0, 100));
        await expectServes(server);
      },
    ],
    [
      "one whose handshake the client does not finish",
      async (server) => {
        const { client } = await dial(server);
        client.write(await clientHello());
        await once(client, "data");
      },
    ],
    ["an idle one", dialTls],
    [
      "one with half a head",
      async (server) => {
        (await dialTls(server)).write("GET / HT");
        await expectServes(server);
      },
    ],
    [
      "one with a response that its client does not read",
      async (server) => {
        const socket = await dialTls(server);
        socket.pause().write(get("/big"));
        await expectServes(server);
      },
    ],
  ])("cuts %s", async (_state, open) => {
    const big = Buffer.alloc(64 * 1024 * 1024);
    const server = await startServing(
      (request) => (request.url.path === "/big" ? request.respond(200, big) : echo(request)),
      { tls },
    );
    await open(server);
    const start = performance.now();
    await server.close();
    expect(performance.now() - start).toBeLessThan(soon);
  });

  test("a response whose respond has settled is delivered whole", async () => {
    const server = await startServer({ tls });
    const response = fetch(server.url, { dispatcher: trusting });
    const body = "x".repeat(1_000_000);
    await (await server.acceptRequest()).respond(200, body);
    await server.close();
    expect((await (await response).text()) === body).toBe(true);
  });

  test("the port can be listened on again at once", async () => {
    const server = await startServing(echo, { tls });
    const port = server.getPort();
    for (let round = 0; round < 3; round++) {
      const socket = await dialTls(server);
      socket.write(get("/"));
      await once(socket, "data");
      await server.close();
      await server.listen(port);
      void server.serve(echo);
    }
  });
});
