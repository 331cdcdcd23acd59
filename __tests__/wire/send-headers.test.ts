import { once } from "node:events";
import type { Request } from "../../lib/index";
import { dropConnection } from "../../lib/testing/index";
import { headerValues, RawClient } from "../helpers/raw-client";
import { ask, connectRaw, get, disconnected, hasSettled, rejectionOf, send, startServer } from "../helpers/servers";
import { answered } from "../helpers/wire-case";

describe("sends the head now", () => {
  test("status line, 200, and headers; respond sends the content behind it", async () => {
    const { client, request } = await ask();
    const arrived = once(client.socket, "data") as Promise<[Buffer]>;
    await request.sendHeaders({ "Content-Type": "text/plain" });
    const head = (await arrived)[0].toString();
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\ncontent-type: text\/plain\r\n/);
    expect(head).toMatch(/\r\n\r\n$/);
    expect(client.responses).toEqual([]);
    await request.respond(200, "at last");
    const [response] = await client.read(1);
    expect([headerValues(response!, "transfer-encoding"), response?.body.toString()]).toEqual([["chunked"], "at last"]);
  });

  test("with the code that it is told", async () => {
    const { client, request } = await ask();
    await request.sendHeaders({}, 404);
    await request.respond(404, "not here");
    expect((await client.read(1))[0]).toMatchObject({ status: 404, body: Buffer.from("not here") });
  });

  test.each<[what: string, content: () => Parameters<Request["respond"]>[1], body: string]>([
    ["nothing", () => undefined, ""],
    ["text", () => "grüße", "grüße"],
    ["bytes", () => new Uint8Array([0x61, 0x62]), "ab"],
    [
      "a source",
      async function* () {
        yield "piece by ";
        yield "piece";
      },
      "piece by piece",
    ],
  ])("%s follows, and the connection stays in step", async (_what, content, body) => {
    const { server, client, request } = await ask();
    await request.sendHeaders({});
    await request.respond(200, content());
    await client.send(get("/2"));
    await (await server.acceptRequest()).respond(200, "second");
    expect((await client.read(2)).map((response) => response.body.toString())).toEqual([body, "second"]);
  });
});

describe("a Content-Length of the caller", () => {
  test("is kept", async () => {
    const { client, request } = await ask();
    await request.sendHeaders({ "Content-Length": "5" });
    await request.respond(200, "hello");
    const [response] = await client.read(1);
    expect([headerValues(response!, "content-length"), response?.body.toString()]).toEqual([["5"], "hello"]);
  });

  test.each<[content: string, body: string]>([
    ["hello world", "hello"],
    ["grüße", "grü\ufffd"],
  ])("shorter than %j: the rest is not sent, and the connection stays in step", async (content) => {
    const { server, client, request } = await ask();
    await request.sendHeaders({ "Content-Length": "5" });
    await request.respond(200, content);
    await client.send(get("/2"));
    await (await server.acceptRequest()).respond(200, "second");
    const bodies = (await client.read(2)).map((response) => response.body);
    expect(bodies).toEqual([Buffer.from(content).subarray(0, 5), Buffer.from("second")]);
  });

  test("longer than the content: the client sees a cut", async () => {
    const { client, request } = await ask();
    await request.sendHeaders({ "Content-Length": "10" });
    await request.respond(200, "hello");
    expect((await client.end())[0]).toMatchObject({ whole: false, body: Buffer.from("hello") });
  });
});

describe("without content", () => {
  test("HEAD", async () => {
    const { client, request } = await ask("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "HEAD");
    await request.sendHeaders({ "Content-Length": "5" });
    await request.respond(200, "hello");
    const [response] = await client.read(1);
    expect([headerValues(response!, "content-length"), response?.body.length]).toEqual([["5"], 0]);
  });

  test.each([[204], [205], [304]])("%i", async (code) => {
    const { server, client, request } = await ask();
    await request.sendHeaders({}, code);
    await request.respond(code, "not to be sent");
    await client.send(get("/2"));
    await (await server.acceptRequest()).respond(200, "second");
    expect((await client.read(2)).map((response) => response.body.toString())).toEqual(["", "second"]);
  });

  test("an HTTP/1.0 client is told the end by the end of the connection", async () => {
    const { client, request } = await ask("GET / HTTP/1.0\r\n\r\n");
    await request.sendHeaders({});
    await request.respond(200, "until the end");
    const [response] = await client.end();
    expect(response).toMatchObject({ whole: true, body: Buffer.from("until the end") });
    expect(headerValues(response!, "transfer-encoding")).toEqual([]);
  });

  test("the values for HEAD are latin1, too", async () => {
    const { client, request } = await ask("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "HEAD");
    await request.sendHeaders({ x: "\xe9" });
    await request.respond(200);
    const [response] = await client.read(1);
    expect(headerValues(response!, "x")).toEqual(["\xe9"]);
  });
});

describe("what cannot be", () => {
  test.each<[what: string, second: (request: Request) => Promise<void>]>([
    ["sendHeaders again", (request) => request.sendHeaders({})],
    ["respond with another code", (request) => request.respond(404, "x")],
    ["respond with headers", (request) => request.respond(200, "x", { "x-late": "1" })],
    ["an interim response", (request) => request.respond(103)],
  ])("%s is an error, and the content can still be sent", async (_what, second) => {
    const { client, request } = await ask();
    await request.sendHeaders({});
    expect(await rejectionOf(second(request))).toMatchObject({ code: "ERR_ALREADY_ANSWERED" });
    await request.respond(200, "content");
    expect((await client.read(1))[0]?.body.toString()).toBe("content");
  });

  test("after respond it is an error", async () => {
    const { client, request } = await ask();
    await request.respond(200, "content");
    expect(await rejectionOf(request.sendHeaders({}))).toMatchObject({ code: "ERR_ALREADY_ANSWERED" });
    expect((await client.read(1))[0]?.body.toString()).toBe("content");
  });

  test.each<[what: string, send: (request: Request) => Promise<void>, code: string]>([
    ["a header with a line break", (request) => request.sendHeaders({ a: "b\r\nc: d" }), "ERR_INVALID_HEADER"],
    ["a header name with a space", (request) => request.sendHeaders({ "a b": "c" }), "ERR_INVALID_HEADER"],
    ["status 600", (request) => request.sendHeaders({}, 600), "ERR_INVALID_STATUS"],
    ["headers that are none", (request) => request.sendHeaders("a: b" as never), "ERR_INVALID_HEADER"],
  ])("%s is an error, and another response is possible", async (_what, send, code) => {
    const { client, request } = await ask();
    expect(await rejectionOf(send(request))).toMatchObject({ code });
    await request.sendHeaders({ a: "b" }, 201);
    await request.respond(201, "content");
    const [response] = await client.read(1);
    expect([response?.status, headerValues(response!, "a"), response?.body.toString()]).toEqual([
      201,
      ["b"],
      "content",
    ]);
  });

  test("content that is none leaves the head sent, and content can still follow", async () => {
    const { client, request } = await ask();
    await request.sendHeaders({});
    expect(await rejectionOf(request.respond(200, {} as never))).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    await request.respond(200, "content");
    expect((await client.read(1))[0]?.body.toString()).toBe("content");
  });
});

test("an interim status sends that, and the request waits for its response", async () => {
  const { client, request } = await ask();
  await request.sendHeaders({ Link: "</style.css>; rel=preload" }, 103);
  await request.respond(200, "final");
  const [interim, final] = await client.read(1);
  expect([interim?.status, headerValues(interim!, "link")]).toEqual([103, ["</style.css>; rel=preload"]]);
  expect([final?.status, headerValues(final!, "link")]).toEqual([200, []]);
});

test("settles when the client has disconnected", async () => {
  const server = await startServer();
  const { client, socket } = await connectRaw(server);
  await client.send(get("/"));
  const request = await server.acceptRequest();
  client.reset();
  await disconnected(socket);
  await request.sendHeaders({});
  await request.respond(200, "nobody reads this");
});

test("a request whose head was sent is unanswered: the next of its connection waits", async () => {
  const { server, client, request } = await ask(get("/1") + get("/2"));
  await request.sendHeaders({});
  const second = server.acceptRequest();
  expect(await hasSettled(second)).toBe(false);
  await request.respond(200);
  await (await second).respond(200);
  await client.read(2);
});

describe("on the wire", () => {
  test("sends the head at once, the content comes later", async () => {
    const server = await startServer();
    const client = await RawClient.connect(server);
    await client.send(get() + get("/next"));
    const request = await server.acceptRequest();
    const headArrived = new Promise((resolve) => client.socket.once("data", resolve));
    await request.sendHeaders({ "Content-Length": "7" }, 201);
    expect(String(await headArrived)).toMatch(/^HTTP\/1\.1 201 Created\r\n/);
    await request.respond(201, "content");
    await (await server.acceptRequest()).respond(200, "in step");
    expect((await client.read(2)).map((response) => response.body.toString())).toEqual(["content", "in step"]);
  });

  test.each([
    ["a length", { "Content-Length": "7" }],
    ["chunked", { "Transfer-Encoding": "chunked" }],
    ["nothing about the length", { "x-a": "1" }],
    ["no lines", {}],
  ])("yields valid HTTP with %s", async (_name, headers: Record<string, string>) => {
    const [response] = await answered(await startServer(), async (request) => {
      await request.sendHeaders(headers);
      await request.respond(200, "content");
    });
    expect(response?.body.toString()).toBe("content");
  });
});

test.each<[how: string, end: (request: Request) => void]>([
  ["its handler has ended", (request) => void request.client.end()],
  ["its handler has dropped", dropConnection],
])("settles on a connection that %s", async (_how, end) => {
  const server = await startServer();
  await send(server, get("/"));
  const request = await server.acceptRequest();
  end(request);
  await request.sendHeaders({});
  await request.respond(200, "");
});
