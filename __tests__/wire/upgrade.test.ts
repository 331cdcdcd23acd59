import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import type { AsyncHttpServer, Request } from "../../lib/index";
import { headerValues } from "../helpers/raw-client";
import {
  connectRaw,
  deferred,
  echo,
  get,
  disconnected,
  hasSettled,
  post,
  settle,
  startServer,
  startServing,
} from "../helpers/servers";
import { dial } from "../helpers/sockets";

const upgradeLines = ["Connection: Upgrade", "Upgrade: echo"];
const connectHead = "CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n";

const tunnels: Duplex[] = [];
afterEach(() => {
  for (const tunnel of tunnels.splice(0)) tunnel.destroy();
});

interface Tunnel {
  readonly response: IncomingMessage;
  readonly socket: Socket;
  readonly head: Buffer;
}

/** Node's own client asks for an upgrade or a tunnel and is given the socket. */
async function openTunnel(server: AsyncHttpServer, event: "upgrade" | "connect"): Promise<Tunnel> {
  const request = httpRequest(
    event === "connect"
      ? { port: server.getPort(), method: "CONNECT", path: "example.test:443" }
      : { port: server.getPort(), headers: { Connection: "Upgrade", Upgrade: "echo" } },
  );
  request.end();
  const [response, socket, head] = (await once(request, event)) as [IncomingMessage, Socket, Buffer];
  tunnels.push(socket);
  return { response, socket, head };
}

/** Reads until as many characters are there, and gives all that came. */
async function readText(socket: Duplex, length: number): Promise<string> {
  let received = "";
  while (received.length < length) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) await once(socket, "readable");
    else received += chunk.toString("latin1");
  }
  return received;
}

/** Takes the connection over: what comes is sent back in capitals, the end included. */
async function takeOver(request: Request): Promise<void> {
  if (request.reqMethod === "CONNECT") await request.respond(200);
  else await request.respond(101, "", { Connection: "Upgrade", Upgrade: "echo" });
  const { client, head } = request;
  const shout = (bytes: Buffer): void => void client.write(bytes.toString("latin1").toUpperCase());
  if (head.length > 0) shout(head);
  client.on("data", shout).on("end", () => client.end());
}

describe("the socket is the handler's", () => {
  test.each([
    ["upgrade", 101],
    ["connect", 200],
  ] as const)("after %s and %i", async (event, status) => {
    const server = await startServing(takeOver);
    const { response, socket, head } = await openTunnel(server, event);
    expect(response.statusCode).toBe(status);
    expect(response.headers.upgrade).toBe(event === "upgrade" ? "echo" : undefined);
    expect(head).toHaveLength(0);
    for (const word of ["one", "two", "three"]) {
      socket.write(word);
      expect(await readText(socket, word.length)).toBe(word.toUpperCase());
    }
    socket.end("bye");
    expect(await text(socket)).toBe("BYE");
  });

  test.each([
    [
      "101",
      get("/", ...upgradeLines),
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
    ],
    ["200 to CONNECT", connectHead, "HTTP/1.1 200 OK\r\n\r\n"],
  ])(
    "%s is a bare head, without Content-Length, and the bytes behind it are not HTTP's",
    async (_name, ask, response) => {
      const server = await startServing(takeOver);
      const socket = await dial(server.getPort(), ask);
      socket.end("get / http/1.1\r\nhost: h\r\n\r\n");
      const [head, rest] = (await text(socket)).split(/(?<=\r\n\r\n)/);
      expect(head?.toLowerCase()).toBe(response.toLowerCase());
      expect(rest).toBe("GET / HTTP/1.1\r\nHOST: H\r\n\r\n");
    },
  );

  test.each([
    ["upgrade", get("/", ...upgradeLines)],
    ["CONNECT", connectHead],
  ])("%s: head has the bytes that came in the same packet", async (_name, ask) => {
    const server = await startServer();
    await dial(server.getPort(), `${ask}\0first bytes`);
    const request = await server.acceptRequest();
    expect(request.head.toString("latin1")).toBe("\0first bytes");
    expect(request.body).toBe("");
  });

  test("head is empty for an ordinary request and for an upgrade with nothing behind it", async () => {
    const server = await startServer();
    for (const ask of [get("/"), post("/", "body"), get("/", ...upgradeLines)]) {
      await dial(server.getPort(), ask);
      expect((await server.acceptRequest()).head).toHaveLength(0);
    }
  });

  test("other header fields of a 101 go out, a Content-Length does not", async () => {
    const server = await startServer();
    const opened = openTunnel(server, "upgrade");
    const headers = { Connection: "Upgrade", Upgrade: "echo", "Content-Length": "3", "X-Accept": "yes" };
    await (await server.acceptRequest()).respond(101, "", headers);
    const { response } = await opened;
    expect(response.rawHeaders).toEqual(["connection", "Upgrade", "upgrade", "echo", "x-accept", "yes"]);
  });

  test("a library that writes its own 101 needs no respond", async () => {
    const server = await startServing(({ client }) => {
      client.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n");
      client.pipe(client);
    });
    const { response, socket } = await openTunnel(server, "upgrade");
    expect(response.headers.upgrade).toBe("raw");
    socket.write("as it is");
    expect(await readText(socket, 8)).toBe("as it is");
  });

  test("a second response is an error and leaves the tunnel as it is", async () => {
    const server = await startServer();
    const opened = openTunnel(server, "connect");
    const request = await server.acceptRequest();
    await request.respond(200);
    const { socket } = await opened;
    await expect(request.respond(502)).rejects.toMatchObject({ code: "ERR_ALREADY_ANSWERED" });
    request.client.write("tunnel");
    expect(await readText(socket, 6)).toBe("tunnel");
  });

  test("it has no timeout of HTTP any more", async () => {
    const server = await startServer();
    server.node.timeout = 20;
    const opened = openTunnel(server, "connect");
    const request = await server.acceptRequest();
    await request.respond(200);
    const { socket } = await opened;
    expect(request.client.timeout ?? 0).toBe(0);
    expect(socket.destroyed).toBe(false);
  });

  test("megabytes go both ways", async () => {
    const server = await startServing(takeOver);
    const { socket } = await openTunnel(server, "connect");
    const sent = "some bytes of a tunnel ".repeat(100_000);
    socket.end(sent);
    expect((await text(socket)) === sent.toUpperCase()).toBe(true);
  });
});

describe("plain responses", () => {
  test.each<[name: string, ask: string, responses: readonly string[]]>([
    [
      "to an upgrade and what is pipelined behind it",
      get("/1", ...upgradeLines) + get("/2") + post("/3", "x"),
      ["/1|", "/2|", "/3|x"],
    ],
    [
      "to one upgrade after the other",
      get("/1", ...upgradeLines) + get("/2", ...upgradeLines) + get("/3"),
      ["/1|", "/2|", "/3|"],
    ],
    [
      "to a request of HTTP/1.0 that keeps alive",
      get("/1", "Connection: keep-alive, upgrade", "Upgrade: x") + get("/2"),
      ["/1|", "/2|"],
    ],
    ["to Connection: upgrade without Upgrade", get("/1", "Connection: upgrade") + get("/2"), ["/1|", "/2|"]],
  ])("%s", async (_name, ask, responses) => {
    const server = await startServing(echo);
    const { client } = await connectRaw(server);
    await client.send(ask);
    expect((await client.read(responses.length)).map((response) => response.body.toString())).toEqual(responses);
    expect(client.state).toBe("open");
  });

  test("to an upgrade request with a body: the body is there", async () => {
    const server = await startServing(echo);
    const { client } = await connectRaw(server, ["POST"]);
    await client.send(
      `POST /1 HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nbody`,
    );
    const [response] = await client.read(1);
    expect(response?.body.toString()).toBe("/1|body");
    // Where the response does not end the connection, it serves on.
    if (headerValues(response!, "connection").includes("close")) return void (await client.end());
    await client.send(get("/2"));
    expect((await client.read(2))[1]?.body.toString()).toBe("/2|");
  });

  test("a client whose upgrades are refused goes on using its connection", async () => {
    const server = await startServing((request) => request.respond(426, "echo only", { Upgrade: "echo" }));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (let round = 0; round < 3; round++) {
      const headers = { Connection: "Upgrade", Upgrade: "websocket" };
      const asked = httpRequest({ port: server.getPort(), agent, headers }).end();
      const [response] = (await once(asked, "response")) as [IncomingMessage];
      ports.add(response.socket.localPort);
      expect([response.statusCode, await text(response)]).toEqual([426, "echo only"]);
    }
    agent.destroy();
    expect(ports.size).toBe(1);
  });

  test.each([403, 405, 502])("CONNECT is refused with %i, and the connection serves on", async (status) => {
    const server = await startServing((request) =>
      request.reqMethod === "CONNECT" ? request.respond(status, "no tunnel") : echo(request),
    );
    const { client } = await connectRaw(server, ["CONNECT", "GET"]);
    await client.send(connectHead + get("/2"));
    const responses = await client.read(2);
    expect(responses.map((response) => [response.status, response.body.toString()])).toEqual([
      [status, "no tunnel"],
      [200, "/2|"],
    ]);
    expect(headerValues(responses[0]!, "content-length")).toEqual(["9"]);
  });

  test("a streamed response to an upgrade request", async () => {
    const server = await startServing((request) =>
      request.respond(
        200,
        (async function* () {
          yield "piece ";
          yield "by piece";
        })(),
      ),
    );
    const { client } = await connectRaw(server);
    await client.send(get("/1", ...upgradeLines) + get("/2"));
    expect((await client.read(2)).map((response) => response.body.toString())).toEqual([
      "piece by piece",
      "piece by piece",
    ]);
  });

  test("an upgrade request waits for the response to the one before it", async () => {
    const server = await startServer();
    const { client } = await connectRaw(server);
    await client.send(get("/1") + get("/2", ...upgradeLines));
    const first = await server.acceptRequest();
    const second = server.acceptRequest();
    expect(await hasSettled(second)).toBe(false);
    await first.respond(200, "first");
    await (await second).respond(200, "second");
    expect((await client.read(2)).map((response) => response.body.toString())).toEqual(["first", "second"]);
  });
});

describe("a client that disconnects", () => {
  test.each<[how: string, disconnect: (socket: Socket) => void]>([
    ["resets", (socket) => void socket.resetAndDestroy()],
    ["ends", (socket) => void socket.destroy()],
  ])("and %s before its upgrade is answered: signal is aborted, respond settles", async (_how, disconnect) => {
    const server = await startServer();
    const socket = await dial(server.getPort(), get("/", ...upgradeLines));
    const request = await server.acceptRequest();
    const aborted = once(request.signal, "abort");
    disconnect(socket);
    await aborted;
    await request.respond(101, "", { Upgrade: "echo" });
    void server.serve(echo);
    expect(await (await fetch(`${server.url}/on`)).text()).toBe("/on|");
  });

  test.each<[how: string, disconnect: (socket: Socket) => void]>([
    ["resets", (socket) => void socket.resetAndDestroy()],
    ["ends", (socket) => void socket.destroy()],
  ])("and %s while its upgrade is queued takes the request with it", async (_how, disconnect) => {
    const server = await startServer();
    const { client, socket } = await connectRaw(server);
    await client.send(get("/left", ...upgradeLines));
    await settle(server);
    disconnect(client.socket);
    await disconnected(socket);
    await dial(server.getPort(), get("/stays"));
    expect((await server.acceptRequest()).url.path).toBe("/stays");
  });

  test.each([
    ["upgrade", get("/", ...upgradeLines)],
    ["CONNECT", connectHead],
  ])("and resets the tunnel of %s: no listener is needed for the process to live", async (_name, ask) => {
    const server = await startServer();
    const socket = await dial(server.getPort(), ask);
    const request = await server.acceptRequest();
    await request.respond(request.reqMethod === "CONNECT" ? 200 : 101);
    socket.resetAndDestroy();
    await disconnected(request.client);
    expect(request.client.errored).toMatchObject({ code: "ECONNRESET" });
  });

  test("and resets behind a plain response", async () => {
    const server = await startServer();
    const { client, socket } = await connectRaw(server);
    await client.send(get("/", ...upgradeLines));
    await (await server.acceptRequest()).respond(200);
    await client.read(1);
    client.reset();
    await disconnected(socket);
  });
});

describe("a handler that fails", () => {
  test("before it answers an upgrade: 500, and the error is kept", async () => {
    const failure = new Error("no upgrade today");
    const told: unknown[] = [];
    const server = await startServing(
      () => {
        throw failure;
      },
      { onError: (error) => told.push(error) },
    );
    const { client } = await connectRaw(server);
    await client.send(get("/", ...upgradeLines));
    await client.end();
    expect(client.responses.map((response) => response.status)).toEqual([500]);
    expect(told).toEqual([failure]);
  });

  test("after 101: the tunnel is left alone, because it may be somebody else's by then", async () => {
    const told = deferred();
    const server = await startServing(
      async (request) => {
        await takeOver(request);
        throw new Error("later");
      },
      { onError: () => told.resolve() },
    );
    const { socket } = await openTunnel(server, "upgrade");
    await told.promise;
    socket.end("still here");
    expect(await text(socket)).toBe("STILL HERE");
  });
});

describe("close", () => {
  const soon = 2_000;

  test.each<[state: string, open: (server: AsyncHttpServer) => Promise<Duplex>]>([
    [
      "an upgraded one",
      async (server) => {
        void server.acceptRequest(takeOver);
        return (await openTunnel(server, "upgrade")).socket;
      },
    ],
    [
      "a tunnel",
      async (server) => {
        void server.acceptRequest(takeOver);
        return (await openTunnel(server, "connect")).socket;
      },
    ],
    [
      "one whose upgrade is unanswered",
      async (server) => {
        const socket = await dial(server.getPort(), get("/", ...upgradeLines));
        await server.acceptRequest();
        return socket;
      },
    ],
    [
      "one whose upgrade is queued",
      async (server) => {
        const arrived = once(server.node, "upgrade");
        const socket = await dial(server.getPort(), get("/", ...upgradeLines));
        await arrived;
        return socket;
      },
    ],
    [
      "one whose upgrade was answered plainly",
      async (server) => {
        const { client } = await connectRaw(server);
        const accepted = server.acceptRequest();
        await client.send(get("/", ...upgradeLines));
        await (await accepted).respond(200);
        await client.read(1);
        return client.socket;
      },
    ],
  ])("cuts %s", async (_state, open) => {
    const server = await startServer();
    const socket = await open(server);
    socket.resume().on("error", () => {});
    const ended = new Promise((resolve) => socket.once("end", resolve).once("close", resolve));
    const start = performance.now();
    await server.close();
    expect(performance.now() - start).toBeLessThan(soon);
    await ended;
  });

  test("with grace leaves a tunnel to its owner, who ends it", async () => {
    const server = await startServing(takeOver);
    const { socket } = await openTunnel(server, "upgrade");
    const closed = server.close({ grace: 10_000 });
    socket.write("last");
    expect(await readText(socket, 4)).toBe("LAST");
    socket.end();
    await closed;
  });

  test("cuts a tunnel that outlasts the grace", async () => {
    const server = await startServing(takeOver);
    const { socket } = await openTunnel(server, "connect");
    socket.resume();
    const ended = once(socket, "close");
    await server.close({ grace: 1 });
    await ended;
  });
});
