import { once } from "node:events";
import { createServer, IncomingMessage, ServerResponse, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { buffer, text } from "node:stream/consumers";
import { newAsyncHttpServer, type AsyncHttpServer, type AsyncHttpServerOptions, type Request } from "../../lib/index";
import { startTestServer } from "../../lib/testing/index";
import { RawClient } from "../helpers/raw-client";
import { get, makeServer, pieces, post, startServer, startServing } from "../helpers/servers";

// The escape hatches beside bare node:http, in this process, with this Node: message, response and server behave the same.

const bare: Server[] = [];
afterEach(async () => {
  for (const server of bare.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

async function startBare(
  listener: (raw: IncomingMessage, response: ServerResponse) => unknown,
): Promise<Server & { getPort(): number }> {
  const server = createServer((raw, response) => void listener(raw, response));
  bare.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return Object.assign(server, { getPort: () => (server.address() as AddressInfo).port });
}

// Not `readableFlowing` and `readableLength`: how far a body was read is the reader's own.
const messageFields = [
  "aborted",
  "complete",
  "destroyed",
  "closed",
  "errored",
  "readable",
  "readableEnded",
  "readableAborted",
  "readableEncoding",
  "method",
  "url",
  "httpVersion",
  "headers",
  "headersDistinct",
  "rawHeaders",
  "trailers",
  "rawTrailers",
  "statusCode",
] as const;
const responseFields = [
  "headersSent",
  "finished",
  "writable",
  "writableEnded",
  "writableFinished",
  "writableLength",
  "writableNeedDrain",
  "writableCorked",
  "destroyed",
  "closed",
  "errored",
  "statusCode",
  "sendDate",
  "shouldKeepAlive",
  "chunkedEncoding",
  "strictContentLength",
] as const;
const messageEvents = ["end", "close", "aborted", "error"];
const responseEvents = ["finish", "close", "error"];

/** What an onlooker on `server.node` can see of one exchange. */
class Observed {
  readonly events: string[] = [];
  readonly done: Promise<unknown>;
  readonly #raw: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(raw: IncomingMessage, response: ServerResponse, listens: boolean) {
    this.#raw = raw;
    this.#response = response;
    if (listens) for (const event of messageEvents) raw.on(event, () => this.events.push(`message ${event}`));
    for (const event of responseEvents) response.on(event, () => this.events.push(`response ${event}`));
    this.done = once(response, "close");
  }

  fields(): Record<string, unknown> {
    const fields: Record<string, unknown> = { events: [...this.events].sort() };
    const raw = this.#raw as unknown as Record<string, unknown>;
    const response = this.#response as unknown as Record<string, unknown>;
    for (const name of messageFields) fields[`message ${name}`] = raw[name];
    for (const name of responseFields) fields[`response ${name}`] = response[name];
    for (const name of ["socket", "connection", "req"])
      fields[`response ${name}`] = response[name] === null ? null : typeof response[name];
    return fields;
  }
}

/** What a client does, what answers it in both, and how the response ends. */
interface Row {
  readonly bytes: string;
  readonly method?: string;
  readonly answer?: (request: Request) => unknown;
  readonly bare?: (raw: IncomingMessage, response: ServerResponse) => unknown;
  readonly leaves?: true;
}

const lengthOne = ["Content-Length", "1"];

const rows: Readonly<Record<string, Row>> = {
  "a GET": { bytes: get("/a", "X-A: 1", "X-A: 2") },
  "a GET that ends the connection": { bytes: get("/a", "Connection: close") },
  "a GET of HTTP/1.0": { bytes: "GET /a HTTP/1.0\r\n\r\n" },
  "a HEAD": { bytes: "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n", method: "HEAD" },
  "a POST whose body is not read": { bytes: post("/a", "body") },
  "a POST in chunks, with a trailer": {
    bytes: "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-T: 1\r\n\r\n",
  },
  "a POST whose body is read": {
    bytes: post("/a", "body"),
    async answer(request) {
      await text(request.raw);
      await request.respond(200, "x");
    },
    async bare(raw, response) {
      await text(raw);
      response.writeHead(200, lengthOne).end("x");
    },
  },
  "a streamed response": {
    bytes: get("/a"),
    answer: (request) => request.respond(200, pieces("x", "y")),
    async bare(_raw, response) {
      response.writeHead(200);
      response.write("x");
      await new Promise((resolve) => setImmediate(resolve));
      response.end("y");
    },
  },
  "a client that leaves before the response": {
    bytes: get("/a"),
    leaves: true,
    answer: (request) => new Promise<void>((resolve) => request.raw.on("close", resolve)),
    bare: () => undefined,
  },
  "a client that leaves in its body": {
    bytes: post("/a", "bo", 4),
    leaves: true,
    answer: () => undefined,
    bare: () => undefined,
  },
};

async function observe(
  server: { getPort(): number },
  node: Server,
  row: Row,
  listens: boolean,
): Promise<Record<string, unknown>> {
  let observed: Observed | undefined;
  const arrived = new Promise<void>((resolve) => {
    // No listener of its own, which the library would take for somebody who answers.
    const emit = node.emit as (event: string, ...given: unknown[]) => boolean;
    node.emit = function (this: unknown, event: string, ...given: unknown[]): boolean {
      if (event === "request") {
        observed = new Observed(given[0] as IncomingMessage, given[1] as ServerResponse, listens);
        resolve();
      }
      return emit.call(this, event, ...given);
    };
  });
  const client = await RawClient.connect(server, [row.method ?? "GET"]);
  await client.send(row.bytes);
  await arrived;
  if (row.leaves === true) client.reset();
  else await client.read(1);
  await observed!.done;
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  return observed!.fields();
}

describe.each([true, false])("with a listener for the message's events: %p", (listens) => {
  test.each(Object.entries(rows))(
    "%s: message and response have the fields and events of node:http",
    async (_name, row) => {
      const handler = row.answer ?? ((request: Request) => request.respond(200, "x"));
      const other = await startBare(row.bare ?? ((_raw, response) => response.writeHead(200, lengthOne).end("x")));
      const server = await startServing(handler);
      const [ours, theirs] = [
        await observe(server, server.node, row, listens),
        await observe(other, other, row, listens),
      ];
      expect(ours).toEqual(theirs);
    },
  );
});

const ways: Readonly<Record<string, (raw: IncomingMessage) => Promise<string>>> = {
  async "for await"(raw) {
    let all = "";
    for await (const chunk of raw) all += String(chunk);
    return all;
  },
  "stream/consumers": (raw) => text(raw),
  buffer: async (raw) => (await buffer(raw)).toString(),
  toArray: async (raw) => Buffer.concat((await raw.toArray()) as Buffer[]).toString(),
  "a web stream": (raw) => new Response(Readable.toWeb(raw) as ReadableStream).text(),
  map: async (raw) => ((await raw.map(String).toArray()) as string[]).join(""),
  "on data": (raw) =>
    new Promise((resolve) => {
      let all = "";
      raw.on("data", (chunk) => (all += String(chunk))).on("end", () => resolve(all));
    }),
  setEncoding: (raw) =>
    new Promise((resolve) => {
      let all = "";
      raw
        .setEncoding("utf8")
        .on("data", (chunk: string) => (all += chunk))
        .on("end", () => resolve(all));
    }),
  read: (raw) =>
    new Promise((resolve) => {
      let all = "";
      raw.on("readable", () => {
        for (let chunk: unknown = raw.read(); chunk !== null; chunk = raw.read()) all += String(chunk);
      });
      raw.on("end", () => resolve(all));
    }),
  async pipeline(raw) {
    const parts: string[] = [];
    await pipeline(raw, async function (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) parts.push(String(chunk));
    });
    return parts.join("");
  },
  async "pipe, behind a pause"(raw) {
    raw.pause();
    await new Promise((resolve) => setImmediate(resolve));
    const parts: string[] = [];
    const to = new Duplex({
      read() {},
      write(chunk, _encoding, done) {
        parts.push(String(chunk));
        done();
      },
    });
    await once(raw.pipe(to), "finish");
    return parts.join("");
  },
  async "a swapped prototype, then for await"(raw) {
    // As Express does, whose request inherits from Node's own class.
    Object.setPrototypeOf(raw, Object.create(IncomingMessage.prototype) as object);
    return ways["for await"]!(raw);
  },
  async late(raw) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return text(raw);
  },
};

describe("the body of request.raw, in a handler", () => {
  const bodies: ReadonlyArray<[name: string, bytes: string, body: string]> = [
    ["one packet", post("/", "body"), "body"],
    ["no body", get("/"), ""],
    ["an empty one in chunks", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""],
    ["many packets", post("/", "0123456789".repeat(30_000)), "0123456789".repeat(30_000)],
  ];
  const modes: ReadonlyArray<[mode: string, options: AsyncHttpServerOptions]> = [
    ["gathered", {}],
    ["streamed", { stream: true }],
  ];
  const all = modes.flatMap(([mode, options]) =>
    bodies.flatMap(([name, bytes, body]) =>
      Object.keys(ways).map((way) => ({ mode, options, name, bytes, body, way })),
    ),
  );

  test.each(all)("$way, $name, $mode", async ({ options, bytes, body, way }) => {
    const server = await startServing(async (request) => {
      const read = await ways[way]!(request.raw);
      const gathered = options.stream === true ? read : request.body;
      await request.respond(200, read === gathered ? read : "they differ");
    }, options);
    const client = await RawClient.connect(server);
    await client.send(bytes);
    const [response] = await client.read(1);
    expect(response?.body.toString()).toBe(body);
  });
});

describe("a response of one's own on CONNECT", () => {
  test("new ServerResponse(raw).assignSocket(client) works", async () => {
    const server = await startServing((request) => {
      const response = new ServerResponse(request.raw);
      response.assignSocket(request.client);
      response.writeHead(407, { "Content-Length": 4 });
      response.end("sign");
    });
    const client = await RawClient.connect(server, ["CONNECT"]);
    await client.send("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n");
    expect((await client.read(1))[0]).toMatchObject({ status: 407, whole: true });
  });
});

/** The two ends of a connection that is no socket. */
function duplexPair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  for (const other of [1, 0]) {
    ends.push(
      new Duplex({
        read() {},
        write(chunk, _encoding, done) {
          ends[other]!.push(chunk);
          done();
        },
        final(done) {
          ends[other]!.push(null);
          done();
        },
      }),
    );
  }
  return [ends[0]!, ends[1]!];
}

describe('emit("connection", duplex)', () => {
  const handlers: ReadonlyArray<[name: string, handler: (request: Request) => unknown, body: RegExp]> = [
    ["text", (request) => request.respond(200, `${request.hostname}|${request.body}`), /\r\n\r\n\|body$/],
    [
      "a source",
      (request) => request.respond(200, pieces("a", "b")),
      /\r\n\r\n(?:1\r\na\r\n1\r\nb|2\r\nab)\r\n0\r\n\r\n$/,
    ],
    [
      "sendHeaders",
      async (request) => {
        await request.sendHeaders({ "content-length": "1" });
        await request.respond(200, "x");
      },
      /\r\n\r\nx$/,
    ],
    [
      "a handler that fails",
      () => {
        throw new Error("in the handler");
      },
      /500 Internal Server Error$/,
    ],
    ["the signal", (request) => request.respond(200, String(request.signal.aborted)), /false$/],
  ];
  const servers: ReadonlyArray<
    [
      name: string,
      make: (handler: (request: Request) => unknown, options: AsyncHttpServerOptions) => Promise<AsyncHttpServer>,
    ]
  > = [
    ["newAsyncHttpServer", async (handler, options) => startServing(handler, options)],
    ["startTestServer", async (handler, options) => startTestServer(handler, options)],
  ];
  const all = servers.flatMap(([name, make]) =>
    handlers.map(([what, handler, body]) => ({ name, make, what, handler, body })),
  );

  test.each(all)("$name, $what", async ({ make, handler, body }) => {
    const server = await make(handler, { onError: () => undefined });
    const [client, atServer] = duplexPair();
    server.node.emit("connection", atServer);
    let received = "";
    client.on("data", (chunk) => (received += String(chunk)));
    client.write(post("/", "body"));
    while (!body.test(received)) await once(client, "data");
    await server.close();
    expect(atServer.destroyed).toBe(true);
  });
});

describe("server.node", () => {
  test("that was made to listen by itself is served, before and after a close", async () => {
    const server = makeServer();
    for (let round = 0; round < 3; round++) {
      server.node.listen(0, "127.0.0.1");
      await once(server.node, "listening");
      const serving = server.serve((request) => request.respond(200, "x"));
      expect(await (await fetch(server.url)).text()).toBe("x");
      await server.close();
      await serving;
    }
  });

  test("that was closed by itself rejects waits, and can listen again by either way", async () => {
    const server = await startServer();
    const waiting = server.acceptRequest();
    server.node.close();
    await expect(waiting).rejects.toMatchObject({ code: "ERR_SERVER_CLOSED" });
    server.node.listen(0, "127.0.0.1");
    await once(server.node, "listening");
    const response = fetch(server.url);
    await (await server.acceptRequest()).respond(200, "x");
    expect(await (await response).text()).toBe("x");
    await server.close();
    await server.listen(0);
    expect(server.getPort()).toBeGreaterThan(0);
  });

  test("that is closed and made to listen again by itself, as supertest does, closes once and goes on", async () => {
    const server = makeServer();
    let closes = 0;
    server.node.on("close", () => closes++);
    for (let round = 1; round <= 3; round++) {
      await once(server.node.listen(0, "127.0.0.1"), "listening");
      const serving = server.serve((request) => request.respond(200, String(round)));
      expect(await (await fetch(server.url, { headers: { connection: "close" } })).text()).toBe(String(round));
      await new Promise((resolve) => server.node.close(resolve));
      expect(closes).toBe(round);
      // In the turn of that event.
      server.node.listen(0, "127.0.0.1");
      await serving;
      await once(server.node, "listening");
      const second = server.serve((request) => request.respond(200, "again"));
      expect(await (await fetch(server.url, { headers: { connection: "close" } })).text()).toBe("again");
      await new Promise((resolve) => server.node.close(resolve));
      await second;
      closes--;
    }
  });

  test("has the properties and methods of a bare one", async () => {
    const [ours, theirs] = [newAsyncHttpServer().node, createServer()];
    const names = (object: object): string[] =>
      Object.getOwnPropertyNames(object)
        .filter((name) => !name.startsWith("_"))
        .sort();
    expect(names(ours)).toEqual(names(theirs));
    expect(Object.getPrototypeOf(ours)).toBe(Object.getPrototypeOf(theirs));
  });

  test("has no property more after a close", async () => {
    const server = await startServer();
    const before = Object.getOwnPropertyNames(server.node);
    await server.close();
    expect(Object.getOwnPropertyNames(server.node).filter((name) => !before.includes(name))).toEqual([]);
  });
});
