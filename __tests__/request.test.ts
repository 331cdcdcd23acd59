import { once } from "node:events";
import { Socket } from "node:net";
import { buffer, text } from "node:stream/consumers";
import { inspect } from "node:util";
import { HttpPost, HttpVer10, HttpVer11, isHttpVersion, type AsyncHttpServer, type Request } from "../lib/index";
import { headerValues, RawClient } from "./helpers/raw-client";
import { askOn, connectRaw, deferred, get, disconnected, post, settle, startServer, thrownBy } from "./helpers/servers";

/** Sends bytes and accepts what comes of them. */
async function accept(server: AsyncHttpServer, bytes: string | Uint8Array): Promise<Request> {
  return (await askOn(server, bytes)).request;
}

async function acceptBody(body: string | Uint8Array): Promise<Request> {
  const bytes = Buffer.from(body as string);
  const head = `POST /form HTTP/1.1\r\nHost: h\r\nContent-Length: ${bytes.length}\r\n\r\n`;
  return accept(await startServer(), Buffer.concat([Buffer.from(head), bytes]));
}

describe("the request line", () => {
  test.each([
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "TRACE",
    "OPTIONS",
    "PATCH",
    "PROPFIND",
    "MKCOL",
    "LOCK",
    "M-SEARCH",
  ])("reqMethod %s", async (method) => {
    const request = await accept(await startServer(), `${method} / HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect(request.reqMethod).toBe(method);
  });

  test("reqMethod compares with the constants", async () => {
    expect((await acceptBody("")).reqMethod === HttpPost).toBe(true);
  });

  test.each([
    ["HTTP/1.1", 1, 1, HttpVer11],
    ["HTTP/1.0", 1, 0, HttpVer10],
  ] as const)("protocol %s", async (orig, major, minor, version) => {
    const request = await accept(await startServer(), `GET / ${orig}\r\nHost: h\r\n\r\n`);
    expect(request.protocol).toEqual({ orig, major, minor });
    expect(isHttpVersion(request.protocol, version)).toBe(true);
  });

  test.each<[target: string, parts: object]>([
    ["/a/b%20c?d=e&f#g", { path: "/a/b%20c", query: "d=e&f", anchor: "g", hostname: "" }],
    ["/", { path: "/", query: "" }],
    ["//evil.com/x", { path: "//evil.com/x", hostname: "" }],
    ["http://h:81/p?q", { scheme: "http", username: "", hostname: "h", port: "81", path: "/p", query: "q" }],
    ["*", { path: "*" }],
  ])("url %s", async (target, parts) => {
    const request = await accept(await startServer(), `OPTIONS ${target} HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect(request.url).toMatchObject(parts);
    expect(`${request.url}`).toBe(target);
    expect(request.url).toBe(request.url);
  });
});

test("headers fold their names, keep their bytes, and all lines of one name", async () => {
  const bytes =
    "GET / HTTP/1.1\r\nHOST: h\r\nX-One: a, b\r\nx-one: c\r\nX-Latin: \xe4\xff\r\n__proto__: p\r\nX-Empty:\r\n\r\n";
  const { headers } = await accept(await startServer(), Buffer.from(bytes, "latin1"));
  expect([...headers]).toEqual([
    ["host", "h"],
    ["x-one", "a, b"],
    ["x-one", "c"],
    ["x-latin", "\xe4\xff"],
    ["__proto__", "p"],
    ["x-empty", ""],
  ]);
  expect(headers.values("X-ONE").contains("B")).toBe(true);
});

test("hostname is the client's address, client its socket", async () => {
  const server = await startServer();
  const { client, socket } = await connectRaw(server);
  await client.send(get("/", "X: y"));
  const request = await server.acceptRequest();
  expect(request.hostname).toBe("127.0.0.1");
  expect(request.client).toBeInstanceOf(Socket);
  expect(request.client).toBe(socket);
  expect(request.client.remotePort).toBe(client.socket.localPort);
});

test("head is empty where nothing is upgraded", async () => {
  expect(await acceptBody("x")).toMatchObject({ head: Buffer.alloc(0) });
});

test.each(["body", "rawBody", "headers", "url", "raw", "client", "signal"])("%s is read only", async (name) => {
  const request = await acceptBody("x");
  expect(() => Object.assign(request, { [name]: "other" })).toThrow(TypeError);
});

describe("the body", () => {
  test.each<[what: string, bytes: Uint8Array, body: string]>([
    ["ASCII", Buffer.from("hello"), "hello"],
    ["UTF-8", Buffer.from("grüße 🦀"), "grüße 🦀"],
    ["what is no UTF-8", Buffer.from([0x61, 0xff, 0x62]), "a\ufffdb"],
    ["a byte order mark", Buffer.from("\ufeffx"), "\ufeffx"],
    ["nothing", Buffer.alloc(0), ""],
  ])("%s as text and as bytes", async (_what, bytes, body) => {
    const request = await acceptBody(bytes);
    expect(request.body).toBe(body);
    expect(Buffer.isBuffer(request.rawBody)).toBe(true);
    expect(request.rawBody.equals(bytes)).toBe(true);
    expect(request.rawBody).toBe(request.rawBody);
  });

  test.each(["GET", "DELETE", "OPTIONS", "PROPFIND"])("%s can have one", async (method) => {
    const request = await accept(await startServer(), `${method} / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok`);
    expect(request.body).toBe("ok");
  });

  test("of a POST with no length is empty", async () => {
    const request = await accept(await startServer(), "POST / HTTP/1.1\r\nHost: h\r\n\r\n");
    expect([request.body, request.rawBody.length]).toEqual(["", 0]);
  });
});

describe("json", () => {
  test.each<[body: string, value: unknown]>([
    ['{"a":[1,null,"ü"]}', { a: [1, null, "ü"] }],
    ["0", 0],
    ['""', ""],
    [" null ", null],
  ])("%s", async (body, value) => {
    expect((await acceptBody(body)).json()).toEqual(value);
  });

  const long = "x".repeat(60);
  test.each<[body: string, what: string]>([
    ["", "it is empty"],
    ["{", 'it starts "{"'],
    ["name=value", 'it starts "name=value"'],
    ["a\nb", 'it starts "a\\nb"'],
    [long, `it starts "${long}"`],
    [`${long}y`, `it starts "${long}…"`],
  ])("%j is an error that shows its start", async (body, what) => {
    const request = await acceptBody(body);
    const error = thrownBy(() => request.json());
    expect(error).toBeInstanceOf(SyntaxError);
    expect(error).toMatchObject({ code: "ERR_BODY_NOT_JSON", cause: expect.anything() as unknown });
    expect(error.message).toContain(`the body of POST /form is not JSON: ${what} (`);
  });
});

test.each<[body: string, pairs: Array<[string, string]>]>([
  ["", []],
  [
    "a=1&b=%C3%BC+x&a=2",
    [
      ["a", "1"],
      ["b", "ü x"],
      ["a", "2"],
    ],
  ],
  ["flag", [["flag", ""]]],
])("form of %j", async (body, pairs) => {
  const head = `POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n`;
  expect([...(await accept(await startServer(), head + body)).form()]).toEqual(pairs);
});

describe("signal", () => {
  async function accepted(): Promise<{ request: Request; client: RawClient; socket: Socket; server: AsyncHttpServer }> {
    const server = await startServer();
    const { client, socket } = await connectRaw(server);
    await client.send(get("/"));
    return { request: await server.acceptRequest(), client, socket, server };
  }

  test.each<[how: string, disconnect: (client: RawClient) => void]>([
    ["with a reset", (client) => client.reset()],
    ["with an end", (client) => client.destroy()],
    ["by shutting its sending side", (client) => client.half()],
  ])("is aborted when the client disconnects %s before it is answered", async (_how, disconnect) => {
    const { request, client } = await accepted();
    expect(request.signal.aborted).toBe(false);
    const aborted = once(request.signal, "abort");
    disconnect(client);
    await aborted;
    expect(request.signal.reason).toMatchObject({ name: "AbortError" });
  });

  test("is aborted already when it is first read after the client left", async () => {
    const { request, client, socket } = await accepted();
    client.reset();
    await disconnected(socket);
    expect(request.signal.aborted).toBe(true);
  });

  test("is aborted already when it is first read after the client shut its sending side", async () => {
    const { request, client, socket } = await accepted();
    const ended = once(socket, "end");
    client.half();
    await ended;
    expect(request.signal.aborted).toBe(true);
    await request.respond(200, "for you");
    expect((await client.end()).map(({ body }) => body.toString())).toEqual(["for you"]);
  });

  test("is aborted already when it is first read after the response, and the client shut its sending side before", async () => {
    const { request, client, socket } = await accepted();
    const ended = once(socket, "end");
    client.half();
    await ended;
    await request.respond(200);
    expect(request.signal.aborted).toBe(true);
  });

  test("is aborted when the client disconnects in the middle of the response", async () => {
    const { request, client } = await accepted();
    await request.sendHeaders({});
    const aborted = once(request.signal, "abort");
    client.reset();
    await aborted;
  });

  test("is aborted when the client disconnects in the middle of a stream", async () => {
    const { request, client } = await accepted();
    const { signal } = request;
    const aborted = once(signal, "abort");
    async function* forever(): AsyncGenerator<string> {
      yield "begun";
      await aborted;
    }
    const answered = request.respond(200, forever());
    await once(client.socket, "data");
    client.reset();
    await aborted;
    await answered;
  });

  test("is not aborted when the client disconnects after the response", async () => {
    const { request, client, socket } = await accepted();
    const { signal } = request;
    await request.respond(200);
    client.reset();
    await disconnected(socket);
    expect(signal.aborted).toBe(false);
  });

  test("is not aborted when the client disconnects without having taken its whole response", async () => {
    const { request, client, socket } = await accepted();
    const { signal } = request;
    client.socket.pause();
    const answered = request.respond(200, Buffer.alloc(64 * 1024 * 1024));
    client.reset();
    await answered;
    await disconnected(socket);
    expect(signal.aborted).toBe(false);
  });

  test("is not aborted, first read after a response and the end", async () => {
    const { request, client, socket } = await accepted();
    await request.respond(200);
    client.reset();
    await disconnected(socket);
    expect(request.signal.aborted).toBe(false);
  });

  test("a client that only shut its sending side still gets its response", async () => {
    const { request, client } = await accepted();
    const aborted = once(request.signal, "abort");
    client.half();
    await aborted;
    await request.respond(200, "for you");
    expect((await client.end()).map(({ status, body }) => [status, body.toString()])).toEqual([[200, "for you"]]);
  });

  test("is one for each request of a connection", async () => {
    const { request, client, server } = await accepted();
    const { signal } = request;
    await request.respond(200);
    await client.send(get("/2"));
    const second = await server.acceptRequest();
    const aborted = once(second.signal, "abort");
    client.reset();
    await aborted;
    expect(signal.aborted).toBe(false);
  });
});

describe("raw", () => {
  test("has what Node has: rawHeaders, trailers, complete", async () => {
    const bytes =
      "POST /t HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n";
    const { raw, body } = await accept(await startServer(), bytes);
    expect(body).toBe("ok");
    expect([raw.method, raw.url, raw.complete]).toEqual(["POST", "/t", true]);
    expect(raw.rawHeaders).toContain("Trailer");
    expect(raw.trailers).toEqual({ "x-sum": "42" });
  });

  test.each([[0], [1], [100_000], [1_000_000]])("can be read as a stream afterwards: %i bytes", async (length) => {
    const server = await startServer();
    const accepted = server.acceptRequest();
    void (await RawClient.connect(server)).send(post("/", "x".repeat(length)));
    const request = await accepted;
    expect(request.rawBody).toHaveLength(length);
    const again = await buffer(request.raw);
    expect(again.equals(request.rawBody)).toBe(true);
  });

  test("can be read before the response or after it, and leaves the connection in step", async () => {
    const server = await startServer();
    const client = await RawClient.connect(server);
    await client.send(post("/1", "one") + post("/2", "two"));
    const first = await server.acceptRequest();
    expect(await text(first.raw)).toBe("one");
    await first.respond(200);
    const second = await server.acceptRequest();
    await second.respond(200);
    expect(await text(second.raw)).toBe("two");
    await client.send(get("/3"));
    await (await server.acceptRequest()).respond(200);
    expect((await client.read(3)).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  test("can be piped into the response", async () => {
    const server = await startServer();
    const accepted = server.acceptRequest();
    const client = await RawClient.connect(server);
    await client.send(post("/", "there and back"));
    const request = await accepted;
    await request.respond(200, request.raw);
    const [response] = await client.read(1);
    expect([headerValues(response!, "transfer-encoding"), response?.body.toString()]).toEqual([
      ["chunked"],
      "there and back",
    ]);
  });
});

test("console.log shows the request line, not the server's insides", async () => {
  const request = await acceptBody("secret");
  expect(inspect(request)).toBe("Request POST /form { body: 'secret', status: 0 }");
});

test("a request that is kept keeps its fields after the response and the end of the connection", async () => {
  const server = await startServer();
  const { client, socket } = await connectRaw(server);
  await client.send(post("/kept?a=b", "body"));
  const request = await server.acceptRequest();
  const answered = deferred();
  void request.respond(200).then(answered.resolve);
  await answered.promise;
  client.destroy();
  await disconnected(socket);
  await settle(server);
  expect([request.body, `${request.url}`, request.hostname, request.headers.get("host")]).toEqual([
    "body",
    "/kept?a=b",
    "127.0.0.1",
    "h",
  ]);
});
