import { once } from "node:events";
import { createServer } from "node:http";
import { connect as connectTls } from "node:tls";
import { connect, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable, Transform, Writable } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { setImmediate as turn } from "node:timers/promises";
import type { AsyncHttpServer, Request } from "../../lib/index";
import { testCertificate } from "../../lib/testing/index";
import { framings, type Framing } from "../helpers/framings";
import { headerValues, RawClient } from "../helpers/raw-client";
import {
  askOn,
  connectRaw,
  deferred,
  disconnected,
  get,
  hasSettled,
  pieces,
  post,
  postLines,
  rejectionOf,
  send,
  settle,
  startServer,
  startServing,
  thrownBy,
  type Asked,
} from "../helpers/servers";
import { chunked } from "../helpers/wire-case";

const MIB = 1024 * 1024;
/** What a server that streams may have taken in that nobody reads: one read of the socket, and what its stream keeps. */
const UNREAD = 256 * 1024;

const streaming = { stream: true } as const;
const expect100 = "Expect: 100-continue";

/** A streamed request of which only the head has come. */
async function askHead({ head }: Framing, length = 10, ...lines: readonly string[]): Promise<Asked> {
  return askOn(await startServer(streaming), head(length, ...lines));
}

/** A server that streams, whose handler does this; and the errors of its handler. */
async function serveWith(
  callback: (request: Request) => unknown,
): Promise<{ server: AsyncHttpServer; errors: unknown[] }> {
  const errors: unknown[] = [];
  const server = await startServing(callback, { stream: true, onError: (error) => errors.push(error) });
  return { server, errors };
}

async function manyTurns(): Promise<void> {
  for (let i = 0; i < 100; i++) await turn();
}

describe.each(framings)("a body by $name", (framing) => {
  test("comes as the client sends it", async () => {
    const { client, request } = await askHead(framing);
    const chunks = request.bodyStream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    for (const part of ["hello", "world"]) {
      await client.send(framing.part(part));
      expect(String((await chunks.next()).value)).toBe(part);
    }
    await client.send(framing.end);
    expect((await chunks.next()).done).toBe(true);
    await request.respond(200, "read");
    expect((await client.read(1))[0]).toMatchObject({ status: 200, whole: true });
  });

  test("is gathered by readBody, and read by everything that reads a body", async () => {
    const { client, request } = await askHead(framing);
    const reading = request.readBody();
    await client.send(framing.part('{"n":'));
    expect(await hasSettled(reading)).toBe(false);
    await client.send(framing.part("12345") + framing.end);
    expect(String(await reading)).toBe('{"n":12345');
    expect(request.rawBody.equals(await reading)).toBe(true);
    expect(request.body).toBe('{"n":12345');
    expect(thrownBy(() => request.json())).toMatchObject({ code: "ERR_BODY_NOT_JSON" });
    expect(await text(request.bodyStream)).toBe('{"n":12345');
    await request.respond(200, request.body);
    expect(String((await client.read(1))[0]?.body)).toBe('{"n":12345');
  });

  test("that was there before it was asked for keeps its connection, read or not", async () => {
    const server = await startServer(streaming);
    const client = await send(server, framing.head(5) + framing.part("hello") + framing.end);
    await (await server.acceptRequest()).respond(401);
    await client.send(framing.head(5) + framing.part("again") + framing.end);
    const second = await server.acceptRequest();
    expect(String(await second.readBody())).toBe("again");
    await second.respond(200, second.body);
    await client.send(framing.head(5) + framing.part("third") + framing.end);
    const third = await server.acceptRequest();
    expect(await text(third.bodyStream)).toBe("third");
    await third.respond(200);
    const replies = await client.read(3);
    expect(replies.map(({ status }) => status)).toEqual([401, 200, 200]);
    expect(replies.flatMap((reply) => headerValues(reply, "connection"))).not.toContain("close");
    expect(client.state).toBe("open");
  });

  test("that nobody reads stays with the client", async () => {
    const server = await startServer(streaming);
    const { client, socket } = await connectRaw(server);
    await client.send(framing.head(8 * MIB));
    const request = await server.acceptRequest();
    void client.send(framing.part("x".repeat(8 * MIB)) + framing.end);
    await manyTurns();
    expect(client.socket.writableLength).toBeGreaterThan(0);
    expect(socket.bytesRead).toBeLessThan(UNREAD);
    expect((await buffer(request.bodyStream)).length).toBe(8 * MIB);
    await request.respond(200);
    await client.read(1);
  });

  test("that is read in part stays with the client from there on", async () => {
    const server = await startServer(streaming);
    const { client, socket } = await connectRaw(server);
    await client.send(framing.head(8 * MIB));
    const request = await server.acceptRequest();
    void client.send(framing.part("x".repeat(8 * MIB)) + framing.end);
    const chunks = request.bodyStream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    let read = 0;
    while (read < MIB) read += ((await chunks.next()).value as Buffer).length;
    await manyTurns();
    expect(socket.bytesRead).toBeLessThan(read + 2 * UNREAD);
    for (let step = await chunks.next(); step.done !== true; step = await chunks.next()) read += step.value.length;
    expect(read).toBe(8 * MIB);
    await request.respond(200);
    await client.read(1);
  });

  test("may be longer than maxBody for who reads the stream", async () => {
    const server = await startServer({ stream: true, maxBody: 10 });
    const { client, request } = await askOn(server, framing.head(30));
    await client.send(framing.part("x".repeat(30)) + framing.end);
    expect((await buffer(request.bodyStream)).length).toBe(30);
    await request.respond(200);
    expect((await client.read(1))[0]).toMatchObject({ status: 200 });
  });

  test("of exactly maxBody bytes passes readBody", async () => {
    const server = await startServer({ stream: true, maxBody: 10 });
    const { client, request } = await askOn(server, framing.head(10));
    await client.send(framing.part("0123456789") + framing.end);
    expect(String(await request.readBody())).toBe("0123456789");
    await request.respond(200, request.body);
    expect((await client.read(1))[0]).toMatchObject({ status: 200 });
  });

  test("of one byte more is refused by readBody with 413, and the handler told", async () => {
    const { server, errors } = await serveWith(async (request) => {
      failure = await rejectionOf(request.readBody());
      throw failure;
    });
    let failure: Error | undefined;
    const small = await startServing(
      async (request) => {
        failure = await rejectionOf(request.readBody());
        await request.respond(200, "never");
      },
      { stream: true, maxBody: 10, onError: (error) => errors.push(error) },
    );
    const client = await send(small, framing.head(11));
    await client.send(framing.part("0123456789a"));
    expect((await client.end())[0]).toMatchObject({ status: 413, whole: true });
    client.destroy();
    await settle(small);
    expect(failure).toBeInstanceOf(RangeError);
    expect(failure).toMatchObject({
      code: "ERR_BODY_TOO_LARGE",
      message: "the body of POST /up is longer than maxBody, 10 bytes",
    });
    // What comes of the refusal is no failure of the handler: a response that is too late, or the error passed on.
    expect(errors).toEqual([]);
    expect(server.node.listening).toBe(true);
  });
});

test("readBody in a source that has not begun refuses a body over maxBody with 413", async () => {
  const errors: unknown[] = [];
  async function* echoed(request: Request): AsyncGenerator<Buffer> {
    yield await request.readBody();
  }
  const small = await startServing((request) => request.respond(200, echoed(request)), {
    stream: true,
    maxBody: 10,
    onError: (error) => errors.push(error),
  });
  const client = await send(small, framings[0]!.head(11));
  expect((await client.end())[0]).toMatchObject({ status: 413, whole: true });
  expect(errors).toEqual([]);
});

test("readBody refuses a Content-Length over maxBody before a byte has come, without 100", async () => {
  const server = await startServer({ stream: true, maxBody: 10 });
  const { client, request } = await askOn(server, framings[0]!.head(11, expect100));
  expect(await rejectionOf(request.readBody())).toMatchObject({ code: "ERR_BODY_TOO_LARGE" });
  expect((await client.end()).map(({ status }) => status)).toEqual([413]);
});

describe("before readBody", () => {
  test.each<[name: string, read: (request: Request) => unknown]>([
    ["body", (request) => request.body],
    ["rawBody", (request) => request.rawBody],
    ["json()", (request) => request.json()],
    ["form()", (request) => request.form()],
  ])("%s is an error that says what to do", async (_, read) => {
    const { request, client } = await askHead(framings[0]!);
    expect(thrownBy(() => read(request))).toMatchObject({
      code: "ERR_BODY_NOT_READ",
      message: "the body of POST /up was not read: await request.readBody() first, or read request.bodyStream",
    });
    await client.send("0123456789");
    await request.readBody();
    expect(request.body).toBe("0123456789");
    await request.respond(200);
  });

  test("a request that has no body has an empty one", async () => {
    const { request, client } = await askOn(await startServer(streaming), get("/none"));
    expect(request.body).toBe("");
    expect(String(await request.readBody())).toBe("");
    expect(await text(request.bodyStream)).toBe("");
    await request.respond(200);
    await client.read(1);
  });
});

describe("readBody", () => {
  test("gives the same bytes each time that it is called", async () => {
    const { client, request } = await askHead(framings[0]!);
    const both = Promise.all([request.readBody(), request.readBody()]);
    await client.send("0123456789");
    const [first, second] = await both;
    expect(String(first)).toBe("0123456789");
    expect(second).toBe(first);
    expect(await request.readBody()).toBe(first);
    await request.respond(200);
  });

  test("cannot gather what bodyStream has read", async () => {
    const { client, request } = await askHead(framings[0]!);
    await client.send("01234");
    await once(request.bodyStream, "data");
    expect(await rejectionOf(request.readBody())).toMatchObject({
      code: "ERR_BODY_NOT_READABLE",
      message: "the body of POST /up cannot be read: bodyStream was read already",
    });
    await client.send("56789");
    await request.respond(200);
  });

  test("gives what has come whole, after the response too, and nothing else then", async () => {
    const server = await startServer(streaming);
    const { client, request } = await askOn(server, framings[0]!.head(10));
    await request.respond(200);
    expect(await rejectionOf(request.readBody())).toMatchObject({
      code: "ERR_BODY_NOT_READABLE",
      message:
        "the body of POST /up cannot be read: the response was sent before it was read, and what was left of it discarded",
    });
    await client.read(1);
  });

  test("reads on behind sendHeaders", async () => {
    const { client, request } = await askHead(framings[0]!);
    await request.sendHeaders({});
    const reading = request.readBody();
    await client.send("0123456789");
    expect(String(await reading)).toBe("0123456789");
    await request.respond(200, request.body);
    expect(String((await client.end())[0]?.body)).toBe("0123456789");
  });

  test("a forgotten one that fails ends no process and is the handler's failure", async () => {
    const told = deferred();
    let failure: unknown;
    const server = await startServing(
      async (request) => {
        await buffer(request.bodyStream);
        void request.readBody();
      },
      { stream: true, onError: (error) => ((failure = error), told.resolve()) },
    );
    const client = await send(server, post("/up", "0123456789"));
    await told.promise;
    expect(failure).toMatchObject({ code: "ERR_BODY_NOT_READABLE" });
    expect((await client.end())[0]).toMatchObject({ status: 500 });
  });
});

describe("requests are handed out at their head, in order of arrival", () => {
  const head = (target: string): string => postLines(target, ["Content-Length: 10"], "");

  async function threeHeads(server: AsyncHttpServer): Promise<RawClient[]> {
    const clients: RawClient[] = [];
    for (const target of ["/1", "/2", "/3"]) {
      clients.push(await send(server, target === "/2" ? get(target) : head(target)));
      await settle(server);
    }
    return clients;
  }

  test("pull", async () => {
    const server = await startServer(streaming);
    await threeHeads(server);
    for (const path of ["/1", "/2", "/3"]) expect((await server.acceptRequest()).url.path).toBe(path);
  });

  test("Nim's loop", async () => {
    const server = await startServer(streaming);
    const seen: string[] = [];
    await threeHeads(server);
    for (let i = 0; i < 3; i++) await server.acceptRequest((request) => seen.push(request.url.path));
    expect(seen).toEqual(["/1", "/2", "/3"]);
  });

  test("serve", async () => {
    const seen: string[] = [];
    const { server } = await serveWith((request) => seen.push(request.url.path));
    await threeHeads(server);
    expect(seen).toEqual(["/1", "/2", "/3"]);
  });

  test("for await", async () => {
    const server = await startServer(streaming);
    const seen: string[] = [];
    await threeHeads(server);
    for await (const request of server) if (seen.push(request.url.path) === 3) break;
    expect(seen).toEqual(["/1", "/2", "/3"]);
  });

  test("where sees the head only", async () => {
    const server = await startServer(streaming);
    await threeHeads(server);
    expect((await server.acceptRequest({ where: ({ url }) => url.path === "/3" })).url.path).toBe("/3");
    expect(await rejectionOf(server.acceptRequest({ where: ({ body }) => body === "" }))).toMatchObject({
      code: "ERR_BODY_NOT_READ",
    });
    expect((await server.acceptRequest()).url.path).toBe("/1");
  });

  test("the error of a wait tells how much of a body has come", async () => {
    const server = await startServer(streaming);
    const { client } = await askOn(server, head("/1"));
    await client.send("0123");
    await settle(server);
    await send(server, postLines("/2", [chunked], "3\r\nabc\r\n"));
    await settle(server);
    await server.acceptRequest();
    const { message } = await rejectionOf(server.acceptRequest({ timeout: 1 }));
    expect(message).toContain("POST /1: accepted, not answered yet, its body is incomplete, 4 of 10 bytes");
    expect(message).toContain("POST /2: accepted, not answered yet, its body is incomplete, 3 bytes so far, chunked");
  });

  test("pipelined ones wait for the response before them, and for its body", async () => {
    const server = await startServer(streaming);
    const { client, request } = await askOn(server, head("/1"));
    await client.send(`0123456789${head("/2")}01234`);
    await settle(server);
    expect(await rejectionOf(server.acceptRequest({ timeout: 1 }))).toMatchObject({ code: "ERR_ACCEPT_TIMEOUT" });
    expect(await text(request.bodyStream)).toBe("0123456789");
    await request.respond(200, "first");
    const second = await server.acceptRequest();
    const reading = second.readBody();
    await client.send("56789");
    expect(String(await reading)).toBe("0123456789");
    await second.respond(200, "second");
    // The head of the first response came before all of its body was known to be there.
    expect((await client.read(1)).map(({ body }) => String(body))[0]).toBe("first");
  });
});

describe("100 Continue", () => {
  test("goes out once, also where the handler itself has sent it", async () => {
    const { client, request } = await askHead(framings[0]!, 5, expect100);
    await request.respond(100);
    const reading = request.readBody();
    await client.send("hello");
    expect(String(await reading)).toBe("hello");
    await request.respond(200);
    expect((await client.read(1)).map(({ status }) => status)).toEqual([100, 200]);
  });

  test.each<[name: string, read: (request: Request) => unknown]>([
    ["readBody", (request) => request.readBody()],
    [
      "for await",
      async (request) => {
        for await (const _ of request.bodyStream);
      },
    ],
    ["pipe", (request) => request.bodyStream.pipe(new PassThrough().resume())],
    ["request.raw.pipe", (request) => request.raw.pipe(new PassThrough().resume())],
    ["a listener", (request) => request.bodyStream.on("data", () => {})],
    ["Readable.toWeb", (request) => Readable.toWeb(request.bodyStream).getReader().read()],
  ])("goes out at the first read: %s", async (_, read) => {
    const { server, client, request } = await askHead(framings[0]!, 5, expect100);
    await settle(server);
    void request.bodyStream;
    await settle(server);
    expect(client.responses).toEqual([]);
    void read(request);
    expect((await client.readAny(1))[0]).toMatchObject({ status: 100 });
    await client.send("hello");
    await request.respond(200);
    expect((await client.read(1)).map(({ status }) => status)).toEqual([100, 200]);
  });

  test.each<[name: string, answer: (request: Request) => unknown]>([
    ["respond", (request) => request.respond(417)],
    ["sendHeaders", (request) => request.sendHeaders({}, 417)],
    ["a stream", (request) => request.respond(417, pieces("no"))],
  ])("never follows an early response: %s", async (_, answer) => {
    const { client, request } = await askHead(framings[0]!, 5, expect100);
    await answer(request);
    request.raw.resume();
    void rejectionOf(request.readBody());
    await request.respond(417).catch(() => {});
    expect((await client.end()).map(({ status }) => status)).toEqual([417]);
  });

  test("is not needed where the whole body has come already", async () => {
    const server = await startServer(streaming);
    const { client, request } = await askOn(server, postLines("/up", ["Content-Length: 5", expect100], "hello"));
    expect(String(await request.readBody())).toBe("hello");
    await request.respond(200, request.body);
    expect((await client.read(1)).map(({ status }) => status)).toEqual([200]);
    expect(client.state).toBe("open");
  });
});

describe("a client that disconnects in mid-body", () => {
  const leavings: ReadonlyArray<[how: string, leave: (client: RawClient) => void]> = [
    ["resets", (client) => client.reset()],
    ["closes", (client) => client.destroy()],
    ["shuts its sending side", (client) => client.half()],
  ];
  const readers: ReadonlyArray<[name: string, read: (request: Request) => Promise<unknown>]> = [
    ["readBody", (request) => request.readBody()],
    [
      "for await",
      async (request) => {
        for await (const _ of request.bodyStream);
      },
    ],
    ["stream/consumers", (request) => buffer(request.bodyStream)],
    [
      "pipeline",
      (request) => pipeline(request.bodyStream, new Writable({ write: (_chunk, _encoding, done) => done() })),
    ],
    [
      "a pipeline of three",
      (request) =>
        pipeline(
          request.bodyStream,
          new Transform({ transform: (chunk, _encoding, done) => done(null, chunk) }),
          new PassThrough().resume(),
        ),
    ],
    [
      "Readable.toWeb",
      async (request) => {
        for await (const _ of Readable.toWeb(request.bodyStream));
      },
    ],
    [
      "request.raw",
      async (request) => {
        for await (const _ of request.raw);
      },
    ],
  ];

  describe.each(leavings)("%s", (_how, leave) => {
    test.each(readers)(
      "fails %s with an error that says so, which is no failure of the handler",
      async (_name, read) => {
        const failed = deferred();
        let failure: unknown;
        let aborted = false;
        const reading = deferred();
        const { server, errors } = await serveWith(async (request) => {
          request.signal.addEventListener("abort", () => (aborted = true));
          try {
            const done = read(request);
            reading.resolve();
            await done;
          } catch (error) {
            failure = error;
            throw error;
          } finally {
            failed.resolve();
          }
        });
        const { client, socket } = await connectRaw(server);
        await client.send(framings[0]!.head(10) + "0123");
        await reading.promise;
        leave(client);
        await failed.promise;
        expect(failure).toMatchObject({ code: "ERR_CLIENT_DISCONNECTED" });
        expect((failure as Error).message).toMatch(
          /^the (?:client disconnected before the body of POST \/up was whole|body of POST \/up broke off, and the client got an error)$/,
        );
        client.destroy();
        await disconnected(socket);
        expect(aborted).toBe(true);
        expect(errors).toEqual([]);
      },
    );
  });

  test("before the handler has begun to read fails what it reads then", async () => {
    const server = await startServer(streaming);
    const { client, socket } = await connectRaw(server);
    await client.send(framings[0]!.head(10) + "0123");
    const request = await server.acceptRequest();
    const stream = request.bodyStream;
    client.reset();
    await disconnected(socket);
    expect(request.signal.aborted).toBe(true);
    expect(await rejectionOf(buffer(stream))).toMatchObject({ code: "ERR_CLIENT_DISCONNECTED" });
    expect(await rejectionOf(request.readBody())).toMatchObject({ code: "ERR_CLIENT_DISCONNECTED" });
    await request.respond(200);
  });

  test("ends no process where nobody listens for errors", async () => {
    const server = await startServer(streaming);
    const { client, socket } = await connectRaw(server);
    await client.send(framings[0]!.head(10) + "0123");
    const request = await server.acceptRequest();
    request.bodyStream.on("data", () => {});
    client.reset();
    await disconnected(socket);
  });

  test("while its request is queued takes it along", async () => {
    const server = await startServer(streaming);
    const { client, socket } = await connectRaw(server);
    await client.send(framings[0]!.head(10) + "0123");
    await settle(server);
    client.reset();
    await disconnected(socket);
    await send(server, get("/next"));
    expect((await server.acceptRequest()).url.path).toBe("/next");
  });

  test("fails a fetch of the handler's own that passes the body on, and that is no failure", async () => {
    const upstream = createServer((request) => request.resume()).listen(0, "127.0.0.1");
    await once(upstream, "listening");
    const target = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    const { server, errors } = await serveWith(async (request) => {
      const init = { method: "POST", body: request.bodyStream, duplex: "half" } as unknown as RequestInit;
      const response = await fetch(target, init);
      await request.respond(response.status);
    });
    const { client, socket } = await connectRaw(server);
    const arrived = once(upstream, "request");
    await client.send(framings[0]!.head(10) + "0123");
    await arrived;
    client.reset();
    await disconnected(socket);
    await settle(server);
    upstream.closeAllConnections();
    upstream.close();
    expect(errors).toEqual([]);
  });

  test("another error of the handler's is its failure all the same", async () => {
    const told = deferred();
    const { server, errors } = await serveWith(async (request) => {
      await buffer(request.bodyStream).catch(() => {});
      told.resolve();
      throw new Error("of its own");
    });
    const { client } = await connectRaw(server);
    await client.send(framings[0]!.head(10));
    await settle(server);
    client.reset();
    await told.promise;
    await settle(server);
    expect(errors).toEqual([new Error("of its own")]);
  });
});

describe("a handler that stops reading", () => {
  test.each<[how: string, stop: (request: Request) => Promise<unknown>]>([
    [
      "leaves its loop",
      async (request) => {
        for await (const _ of request.bodyStream) break;
      },
    ],
    ["destroys the stream", async (request) => void request.bodyStream.on("error", () => {}).destroy()],
    [
      "has a pipeline that fails",
      (request) =>
        pipeline(
          request.bodyStream,
          new Writable({ write: (_chunk, _encoding, done) => done(new Error("disk full")) }),
        ).catch(() => {}),
    ],
    ["cancels the web stream", (request) => Readable.toWeb(request.bodyStream).cancel()],
    [
      "unpipes",
      async (request) => {
        const sink = new PassThrough();
        request.bodyStream.pipe(sink);
        await once(sink, "readable");
        request.bodyStream.unpipe(sink);
      },
    ],
    ["reads one chunk", (request) => request.bodyStream[Symbol.asyncIterator]().next()],
    ["reads one chunk of raw", (request) => request.raw[Symbol.asyncIterator]().next()],
    ["listens for 'readable' of raw, and reads nothing", (request) => once(request.raw, "readable")],
    ["pauses raw", (request) => once(request.raw, "data").then(() => request.raw.pause())],
  ])("%s: its response is seen, though the client sends all before it reads", async (_, stop) => {
    const { server, errors } = await serveWith(async (request) => {
      await stop(request);
      await request.respond(507, "full");
    });
    const client = await RawClient.connect(server);
    client.socket.pause();
    await client.send(framings[0]!.head(8 * MIB));
    await client.send("x".repeat(8 * MIB));
    client.socket.resume();
    expect((await client.end())[0]).toMatchObject({ status: 507, whole: true });
    expect(client.state).toBe("eof");
    expect(errors).toEqual([]);
  });

  test("by an error gets its client a 500", async () => {
    const { server, errors } = await serveWith((request) =>
      pipeline(request.bodyStream, new Writable({ write: (_chunk, _encoding, done) => done(new Error("disk full")) })),
    );
    const client = await send(server, framings[0]!.head(10) + "0123");
    expect((await client.end())[0]).toMatchObject({ status: 500, whole: true });
    expect(errors).toEqual([new Error("disk full")]);
  });

  test("may read on behind its response", async () => {
    const read = deferred();
    let body = "";
    const { server } = await serveWith(async (request) => {
      const reading = text(request.bodyStream);
      await request.respond(202);
      body = await reading;
      read.resolve();
    });
    const client = await send(server, framings[0]!.head(10) + "01234");
    expect((await client.read(1))[0]).toMatchObject({ status: 202 });
    await client.send("56789");
    await read.promise;
    expect(body).toBe("0123456789");
  });
});

test("request.raw.destroy() cuts the connection, as Node's does", async () => {
  const { client, request } = await askHead(framings[0]!);
  request.raw.destroy();
  await client.end();
  expect(client.responses).toEqual([]);
});

test("request.raw.destroy() rejects readBody, too", async () => {
  const { request } = await askHead(framings[0]!);
  const body = request.readBody();
  request.raw.destroy();
  expect(await rejectionOf(body)).toMatchObject({ code: "ERR_BODY_NOT_READABLE" });
});

test("a response streams while its request streams (duplex)", async () => {
  const { server } = await serveWith((request) => request.respond(200, request.bodyStream));
  const client = await send(server, framings[1]!.head(0));
  let got = "";
  client.socket.on("data", (bytes: Buffer) => (got += String(bytes)));
  for (const word of ["one", "two", "three"]) {
    await client.send(framings[1]!.part(word));
    while (!got.includes(word)) await once(client.socket, "data");
  }
  await client.send("0\r\n\r\n");
  expect(String((await client.end())[0]?.body)).toBe("onetwothree");
  expect(client.state).toBe("eof");
});

test("request.raw.pipe() in a handler", async () => {
  const { server } = await serveWith(async (request) => {
    const copy = new PassThrough();
    request.raw.pipe(copy);
    await request.respond(200, await text(copy));
  });
  const client = await send(server, framings[0]!.head(10));
  await client.send("01234");
  await client.send("56789");
  expect(String((await client.read(1))[0]?.body)).toBe("0123456789");
});

describe("HTTP/1.0", () => {
  test("streams a body with Content-Length, and knows no 100", async () => {
    const { server } = await serveWith(async (request) => request.respond(200, await text(request.bodyStream)));
    const client = await send(server, `POST /up HTTP/1.0\r\nContent-Length: 10\r\n${expect100}\r\n\r\n01234`);
    await client.send("56789");
    expect((await client.end()).map(({ status, body }) => `${status} ${String(body)}`)).toEqual(["200 0123456789"]);
  });

  test("early response", async () => {
    const { server } = await serveWith((request) => request.respond(401, "who?"));
    const client = await send(server, "POST /up HTTP/1.0\r\nContent-Length: 10\r\n\r\n01234");
    expect((await client.end()).map(({ status, body }) => `${status} ${String(body)}`)).toEqual(["401 who?"]);
  });
});

describe("the idle limit of a streamed body is requestTimeout", () => {
  const http = { headersTimeout: 200, requestTimeout: 200, connectionsCheckingInterval: 50 };

  test("a slow but steady upload that takes longer than that survives", async () => {
    const server = await startServer({ stream: true, http });
    const { client } = await connectRaw(server);
    const measured = once(server.node, "clientError");
    await client.send(framings[0]!.head(100));
    const request = await server.acceptRequest();
    const reading = request.readBody();
    for (let sent = 0; sent < 100; sent += 10) {
      await client.send("0123456789");
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    expect((await measured)[0]).toMatchObject({ code: "ERR_HTTP_REQUEST_TIMEOUT" });
    expect((await reading).length).toBe(100);
    await request.respond(200);
    expect((await client.read(1))[0]).toMatchObject({ status: 200 });
  });

  test.each(framings)("a client that stalls gets 408, and its handler an error, by $name", async (framing) => {
    const server = await startServer({ stream: true, http });
    const { client, request } = await askOn(server, framing.head(100) + framing.part("0123"));
    expect(await rejectionOf(request.readBody())).toMatchObject({ code: "ERR_CLIENT_DISCONNECTED" });
    expect((await client.end())[0]).toMatchObject({ status: 408, whole: true });
  });

  test("a client that stalls in mid-response is cut", async () => {
    const { server, errors } = await (async () => {
      const errors: unknown[] = [];
      const server = await startServing((request) => request.respond(200, request.bodyStream), {
        stream: true,
        http,
        onError: (error) => errors.push(error),
      });
      return { server, errors };
    })();
    const client = await send(server, framings[1]!.head(0) + framings[1]!.part("part"));
    expect((await client.end())[0]).toMatchObject({ status: 200, whole: false });
    expect(errors).toEqual([]);
  });

  test("a client that the handler makes wait is not slow", async () => {
    const server = await startServer({ stream: true, http });
    const { client, socket } = await connectRaw(server);
    const measured = once(server.node, "clientError");
    await client.send(framings[0]!.head(MIB));
    const request = await server.acceptRequest();
    void client.send("x".repeat(MIB));
    await measured;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(socket.destroyed).toBe(false);
    expect((await request.readBody()).length).toBe(MIB);
    await request.respond(200);
    expect((await client.read(1))[0]).toMatchObject({ status: 200 });
  });
});

test("bodyStream says that it was read already, also in the 'end' of raw", async () => {
  const { client, request } = await askOn(await startServer(streaming), post("/up", "body"));
  const read = new Promise<unknown>((resolve) => {
    request.raw.on("data", () => {}).on("end", () => resolve(rejectionOf(text(request.bodyStream))));
  });
  expect(await read).toMatchObject({ code: "ERR_BODY_NOT_READABLE" });
  await request.respond(200);
  await client.read(1);
});

describe("upgrade and CONNECT", () => {
  const upgrade = ["Connection: Upgrade", "Upgrade: echo"];

  test("an upgrade is handed out and taken over", async () => {
    const server = await startServer(streaming);
    const { client, request } = await askOn(server, `${get("/", ...upgrade)}early`);
    await request.respond(101, "", { Connection: "Upgrade", Upgrade: "echo" });
    expect(String(request.head)).toBe("early");
    expect((await client.read(1))[0]).toMatchObject({ status: 101 });
  });

  test("CONNECT", async () => {
    const server = await startServer(streaming);
    const { client, request } = await askOn(
      server,
      "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
      "CONNECT",
    );
    await request.respond(200);
    request.client.end("tunnel");
    expect((await client.read(1))[0]).toMatchObject({ status: 200 });
  });

  test("a request for an upgrade with a body streams that", async () => {
    const server = await startServer(streaming);
    const { client, request } = await askOn(server, postLines("/up", [...upgrade, "Content-Length: 10"], "01234"));
    const reading = request.readBody();
    await client.send("56789");
    expect(String(await reading)).toBe("0123456789");
    await request.respond(200, request.body);
    expect((await client.read(1))[0]).toMatchObject({ status: 200 });
  });
});

describe("close()", () => {
  test.each<[name: string, begin: (request: Request) => Promise<unknown>]>([
    ["is not read", async () => {}],
    ["is read half", (request) => once(request.bodyStream, "data")],
    ["is being gathered", async (request) => void request.readBody().catch(() => {})],
    ["streams back", async (request) => void request.respond(200, request.bodyStream)],
  ])("settles in milliseconds while an upload %s", async (_, begin) => {
    const server = await startServer(streaming);
    const { client, request } = await askOn(server, framings[0]!.head(8 * MIB));
    void client.send("x".repeat(4 * MIB));
    await begin(request);
    const start = performance.now();
    await server.close();
    // "Within milliseconds", on a machine that does much else.
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(await rejectionOf(request.readBody())).toMatchObject({
      code: expect.stringMatching(/^ERR_(?:CLIENT_DISCONNECTED|BODY_NOT_READABLE)$/),
    });
  });
});

describe("on other transports", () => {
  interface Transport {
    readonly name: string;
    start(callback: (request: Request) => unknown): Promise<Socket>;
  }
  const transports: readonly Transport[] = [
    {
      name: "TLS",
      async start(callback) {
        const server = await startServing(callback, { stream: true, tls: testCertificate });
        const socket = connectTls({ port: server.getPort(), host: "127.0.0.1", ca: testCertificate.cert });
        await once(socket, "secureConnect");
        return socket;
      },
    },
    {
      name: "a Unix socket",
      async start(callback) {
        const server = await startServer(streaming);
        await server.close();
        const path = join(tmpdir(), `streamed-${process.pid}-${Math.random().toString(36).slice(2)}.sock`);
        await server.listen(0, path);
        void server.serve(callback);
        const socket = connect(path);
        await once(socket, "connect");
        return socket;
      },
    },
  ];

  test.each(transports)("$name: a body streams", async ({ start }) => {
    const socket = await start(async (request) =>
      request.respond(200, await text(request.bodyStream), { Connection: "close" }),
    );
    socket.write(framings[0]!.head(10) + "01234");
    await turn();
    socket.write("56789");
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n0123456789$/s);
  });

  test.each(transports)("$name: an early response is seen", async ({ start }) => {
    const socket = await start((request) => request.respond(401, "who?"));
    socket.write(framings[0]!.head(8 * MIB));
    await new Promise((resolve) => socket.write("x".repeat(8 * MIB), resolve));
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n.*\r\n\r\nwho\?$/s);
  });

  test.each(transports)("$name: a client that disconnects fails the body", async ({ start }) => {
    let failure: unknown;
    const failed = deferred();
    const reading = deferred();
    const socket = await start(async (request) => {
      const body = buffer(request.bodyStream);
      reading.resolve();
      failure = await rejectionOf(body);
      failed.resolve();
    });
    socket.write(framings[0]!.head(10) + "01234");
    await reading.promise;
    socket.destroy();
    await failed.promise;
    expect(failure).toMatchObject({ code: "ERR_CLIENT_DISCONNECTED" });
  });
});
