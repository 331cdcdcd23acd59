import { once } from "node:events";
import { request as nodeRequest, type IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setImmediate as turn } from "node:timers/promises";
import type { Request } from "../../lib/index";
import { framings, type Framing } from "../helpers/framings";
import { headerValues, RawClient } from "../helpers/raw-client";
import {
  askOn,
  connectRaw,
  disconnected,
  get,
  pieces,
  post,
  postLines,
  rejectionOf,
  send,
  settle,
  startServer,
  startServing,
} from "../helpers/servers";
import { chunked } from "../helpers/wire-case";

const MIB = 1024 * 1024;
const streaming = { stream: true } as const;

/** A whole body of `size` bytes on the wire. */
function bodyOf({ part, end }: Framing, size: number): Buffer {
  return Buffer.from(part("x".repeat(size)) + end, "latin1");
}

/** How a handler answers before the body is whole. */
const responses: ReadonlyArray<[how: string, respond: (request: Request, status: number) => Promise<unknown>]> = [
  ["whole", (request, status) => request.respond(status, "early")],
  ["streamed", (request, status) => request.respond(status, pieces("ear", "ly"))],
  [
    "by sendHeaders",
    async (request, status) => {
      await request.sendHeaders({}, status);
      await request.respond(status, "early");
    },
  ],
];

/** How much of the body a handler has read by then. */
const readings: ReadonlyArray<[what: string, read: (request: Request) => Promise<unknown>]> = [
  ["nothing", async () => {}],
  ["some", (request) => once(request.bodyStream, "data")],
  ["some, by raw", (request) => once(request.raw, "data")],
];

describe.each(framings)("a body by $name", (framing) => {
  const { head } = framing;
  const body = (size: number): Buffer => bodyOf(framing, size);

  describe.each(responses)("a response that is sent %s", (_how, respond) => {
    test.each(readings)("with %s of the body read is on the wire at once, and the last one", async (_what, read) => {
      const server = await startServer(streaming);
      const { client, request } = await askOn(server, head(8 * MIB));
      const part = body(8 * MIB).subarray(0, MIB);
      const sent = client.send(part);
      await read(request);
      await respond(request, 401);
      const [response] = await client.read(1);
      expect(response).toMatchObject({ status: 401, whole: true });
      expect(String(response!.body)).toBe("early");
      expect(headerValues(response!, "connection")).toEqual(["close"]);
      // The client's side is still open: what it sends is discarded, and the connection ends when that is whole.
      await sent;
      await client.send(body(8 * MIB).subarray(part.length));
      await client.end();
      expect(client.state).toBe("eof");
      await disconnected(request.client);
    });

    test("is seen by a client that sends everything before it reads", async () => {
      const server = await startServing((request) => respond(request, 413), streaming);
      const client = await RawClient.connect(server);
      client.socket.pause();
      await client.send(head(16 * MIB));
      await client.send(body(16 * MIB));
      client.socket.resume();
      expect((await client.end())[0]).toMatchObject({ status: 413, whole: true });
      expect(client.state).toBe("eof");
    });
  });

  test("what follows it on its connection is not run", async () => {
    const ran: string[] = [];
    const server = await startServing((request) => {
      ran.push(request.url.path);
      return request.respond(307, "", { Location: "/elsewhere" });
    }, streaming);
    const { client, socket } = await connectRaw(server);
    await client.send(head(10));
    expect((await client.read(1))[0]).toMatchObject({ status: 307 });
    await client.send(Buffer.concat([body(10), Buffer.from(get("/smuggled"))]));
    await client.end();
    await disconnected(socket);
    expect(ran).toEqual(["/up"]);
    expect(client.responses).toHaveLength(1);
  });

  test("a later response leaves the connection open, where the body came whole before it", async () => {
    const server = await startServer(streaming);
    const { client, request } = await askOn(server, head(10));
    const rest = client.send(body(10));
    await rest;
    await settle(server);
    await request.respond(401, "late");
    await client.send(get("/next"));
    await (await server.acceptRequest()).respond(200, "next");
    expect((await client.read(2)).map((response) => String(response.body))).toEqual(["late", "next"]);
  });

  test("an early response whose respond has settled is delivered, though close() follows at once", async () => {
    const server = await startServer(streaming);
    const { client, request } = await askOn(server, head(8 * MIB));
    void client.send(body(8 * MIB));
    await once(request.bodyStream, "data");
    await request.respond(401, "early");
    const start = performance.now();
    await server.close();
    expect(performance.now() - start).toBeLessThan(5_000);
    expect((await client.read(1))[0]).toMatchObject({ status: 401, whole: true });
  });

  test("Node's own client sees it", async () => {
    const server = await startServing((request) => request.respond(401, "who?"), streaming);
    const options = { port: server.getPort(), host: "127.0.0.1", method: "POST", agent: false as const };
    for (let i = 0; i < 10; i++) {
      const sending = nodeRequest(options).on("error", () => {});
      Readable.from(
        (function* () {
          for (let at = 0; at < 8; at++) yield Buffer.alloc(MIB);
        })(),
      ).pipe(sending);
      const [response] = (await once(sending, "response")) as [IncomingMessage];
      expect([response.statusCode, await text(response)]).toEqual([401, "who?"]);
      sending.destroy();
    }
  });

  test("fetch sees it", async () => {
    const server = await startServing((request) => request.respond(401, "who?"), streaming);
    for (let i = 0; i < 10; i++) {
      const response = await fetch(server.url, { method: "POST", body: Buffer.alloc(8 * MIB) });
      expect([response.status, await response.text()]).toEqual([401, "who?"]);
    }
  });
});

test("small requests in one packet keep their connection, whatever of them is read", async () => {
  const server = await startServing(async (request) => {
    if (request.url.path === "/read") await request.readBody();
    await request.respond(401, request.url.path);
  }, streaming);
  const client = await send(
    server,
    ["/read", "/unread", "/read", "/unread"].map((target) => post(target, "hello")).join(""),
  );
  const all = await client.read(4);
  expect(all.map((response) => String(response.body))).toEqual(["/read", "/unread", "/read", "/unread"]);
  expect(client.state).toBe("open");
});

test("a client that goes on sending for ever behind an early response is cut", async () => {
  const server = await startServer(streaming);
  const { client, request } = await askOn(server, framings[0]!.head(99_999_999_999));
  await request.respond(401);
  await client.read(1);
  const piece = Buffer.alloc(4 * MIB);
  let sent = 0;
  while (client.socket.writable && sent < 1024 * MIB) {
    await client.send(piece);
    sent += piece.length;
  }
  expect(sent).toBeGreaterThanOrEqual(256 * MIB);
  expect(sent).toBeLessThan(1024 * MIB);
});

test("a client that shuts its sending side behind an early response ends its connection", async () => {
  const server = await startServer(streaming);
  const { client, request } = await askOn(server, `${framings[0]!.head(1000)}part`);
  await request.respond(401);
  await client.read(1);
  client.half();
  await client.end();
  await disconnected(request.client);
});

test("a client that disconnects behind an early response fails what is still being read", async () => {
  const server = await startServer(streaming);
  const { client, request } = await askOn(server, `${framings[0]!.head(1000)}part`);
  const reading = text(request.bodyStream);
  await request.respond(202);
  await client.read(1);
  client.reset();
  expect(await rejectionOf(reading)).toMatchObject({ code: "ERR_CLIENT_DISCONNECTED" });
});

test.each<[how: string, read: (request: Request) => Promise<unknown>]>([
  ["bodyStream", (request) => text(request.bodyStream)],
  ["readBody", (request) => request.readBody()],
  ["raw", (request) => text(request.raw)],
])(
  "what is no valid body behind an early response fails at once what is being read, by %s",
  async (_, read) => {
    const server = await startServer(streaming);
    const { client, request } = await askOn(server, postLines("/up", [chunked], "5\r\nhello\r\n"));
    const failed = rejectionOf(read(request));
    await request.respond(401, "early");
    await client.read(1);
    await client.send("no chunk\r\n");
    expect(await failed).toMatchObject({
      code: "ERR_CLIENT_DISCONNECTED",
      message: "the body of POST /up broke off: what came of it is no valid HTTP",
    });
    // A client that has not read its response yet is not reset by that.
    expect(request.client.destroyed).toBe(false);
    expect(client.state).not.toBe("reset");
  },
  10_000,
);

test("a second response is an error, as ever", async () => {
  const server = await startServer(streaming);
  const { request } = await askOn(server, `${framings[0]!.head(1000)}part`);
  await request.respond(401);
  expect(await rejectionOf(request.respond(200))).toMatchObject({ code: "ERR_ALREADY_ANSWERED" });
});

test("pipelined requests behind one that is answered early are dropped with their connection", async () => {
  const ran: string[] = [];
  const server = await startServing(async (request) => {
    ran.push(request.url.path);
    await turn();
    await request.respond(200, request.url.path);
  }, streaming);
  const client = await send(server, get("/1") + framings[0]!.head(5));
  expect((await client.read(2)).map((response) => String(response.body))).toEqual(["/1", "/up"]);
  await client.send(`hello${get("/3")}`);
  await client.end();
  expect(ran).toEqual(["/1", "/up"]);
});
