import * as zlib from "node:zlib";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Response as UndiciResponse } from "undici";
import { newHttpHeaders, type HeadersInit, type Request } from "../lib/index";
import { headerValues, RawClient, type RawResponse } from "./helpers/raw-client";
import { get, rejectionOf, startServer, startServing } from "./helpers/servers";

/** What is on the wire of one response. */
async function answered(answer: (request: Request) => Promise<void>, method = "GET"): Promise<RawResponse> {
  const server = await startServing(answer);
  const client = await RawClient.connect(server, [method]);
  await client.send(get("/x").replace("GET", method));
  return (await client.read(1)).at(-1)!;
}

/** What a call is rejected with; the request is answered all the same. */
async function refused(call: (request: Request) => Promise<void>): Promise<Error> {
  const server = await startServer();
  const client = await RawClient.connect(server);
  await client.send(get("/x"));
  const request = await server.acceptRequest();
  const error = await rejectionOf(call(request));
  expect(request.status).toBe(0);
  await request.respond(200, "after all");
  expect(String((await client.read(1))[0]?.body)).toBe("after all");
  return error;
}

describe("status", () => {
  test("is that of the final response, 0 until there is one", async () => {
    const seen: number[] = [];
    const server = await startServing(async (request) => {
      seen.push(request.status);
      await request.respond(103);
      seen.push(request.status);
      await request.respond(404);
      seen.push(request.status);
    });
    const client = await RawClient.connect(server);
    await client.send(get("/"));
    await client.read(1);
    expect(seen).toEqual([0, 0, 404]);
  });
});

describe("respondJson", () => {
  test.each<[value: unknown, text: string]>([
    [{ a: [1, "ü"] }, '{"a":[1,"ü"]}'],
    [null, "null"],
    ["", '""'],
    [0, "0"],
    [false, "false"],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [{ a: undefined, b: () => 1 }, "{}"],
  ])("%j", async (value, text) => {
    const reply = await answered((request) => request.respondJson(201, value));
    expect([reply.status, String(reply.body)]).toEqual([201, text]);
    expect(headerValues(reply, "content-type")).toEqual(["application/json"]);
    expect(headerValues(reply, "content-length")).toEqual([String(Buffer.byteLength(text))]);
  });

  test.each<[what: string, headers: Parameters<Request["respondJson"]>[2], types: string[], lines: string[]]>([
    [
      "a record",
      { "Content-Type": "application/problem+json", "X-A": ["1", "2"] },
      ["application/problem+json"],
      ["1", "2"],
    ],
    ["pairs", [["x-a", 1]], ["application/json"], ["1"]],
    ["a Map", new Map([["CONTENT-TYPE", "text/json"]]), ["text/json"], []],
    ["fetch Headers", new Headers({ "content-type": "text/json" }), ["text/json"], []],
    ["HttpHeaders", newHttpHeaders({ "X-A": "1" }, true), ["application/json"], ["1"]],
  ])("headers as %s: the caller's Content-Type wins", async (_what, headers, types, lines) => {
    const reply = await answered((request) => request.respondJson(200, {}, headers));
    expect([headerValues(reply, "content-type"), headerValues(reply, "x-a")]).toEqual([types, lines]);
  });

  test("title case stays, and the caller's headers do", async () => {
    const headers = newHttpHeaders({ "x-a": "1" }, true);
    const reply = await answered((request) => request.respondJson(200, {}, headers));
    expect(reply.head).toContain("\r\nX-A: 1\r\nContent-Type: application/json\r\n");
    expect([...headers]).toEqual([["X-A", "1"]]);
  });

  test.each([null, "", 0])("headers that are %j: an error, not none", async (headers) => {
    const error = await refused((request) => request.respondJson(200, {}, headers as unknown as HeadersInit));
    expect(error).toMatchObject({ code: "ERR_INVALID_HEADER" });
  });

  test("what somebody has added to every object is no header", async () => {
    Object.defineProperty(Object.prototype, "added", { value: () => 1, enumerable: true, configurable: true });
    try {
      const reply = await answered((request) => request.respondJson(200, {}, { "x-a": "1" }));
      expect([reply.status, headerValues(reply, "x-a"), headerValues(reply, "added")]).toEqual([200, ["1"], []]);
    } finally {
      Reflect.deleteProperty(Object.prototype, "added");
    }
  });

  const circle: { self?: object } = {};
  circle.self = circle;
  test.each<[what: string, value: unknown, message: RegExp]>([
    ["undefined", undefined, /undefined is no JSON value: give null/],
    ["a function", () => 1, /a function is no JSON value/],
    ["a symbol", Symbol("s"), /Symbol\(s\) is no JSON value/],
    ["a Promise", Promise.resolve(1), /a Promise is no JSON value: await it first/],
    ["a BigInt", { list: [{ id: 1n }] }, /cannot be sent as JSON \(at "id"\): .*BigInt/],
    ["a circle", circle, /cannot be sent as JSON.*circular/s],
    [
      "a toJSON that throws",
      {
        toJSON: () => {
          throw new Error("no such thing");
        },
      },
      /cannot be sent as JSON: no such thing/,
    ],
  ])("%s is an error, and another answer is still possible", async (_what, value, message) => {
    const error = await refused((request) => request.respondJson(200, value));
    expect(error).toMatchObject({ name: "TypeError", code: "ERR_INVALID_ARGUMENT" });
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/ \(in the response to GET \/x\)$/);
    expect(error.stack).toContain(error.message);
  });
});

describe("respond with a fetch Response", () => {
  const kinds: ReadonlyArray<
    readonly [name: string, make: (...given: ConstructorParameters<typeof Response>) => Response]
  > = [
    ["Node's", (body, init) => new Response(body, init)],
    ["undici's", (body, init) => new UndiciResponse(body as string, init as object) as unknown as Response],
  ];

  describe.each(kinds)("%s", (_name, make) => {
    test("sends status, status text, headers, body", async () => {
      const reply = await answered((request) =>
        request.respond(
          make("hello", { status: 404, statusText: "No Such Pet", headers: { "X-A": "1", "Content-Type": "text/x" } }),
        ),
      );
      expect(reply.head).toMatch(/^HTTP\/1\.1 404 No Such Pet\r\n/);
      expect([headerValues(reply, "x-a"), headerValues(reply, "content-type"), String(reply.body)]).toEqual([
        ["1"],
        ["text/x"],
        "hello",
      ]);
    });

    test.each<[status: number, phrase: string]>([
      [200, "OK"],
      [404, "Not Found"],
      [299, ""],
    ])("without a status text, %i has its own phrase %j", async (status, phrase) => {
      const reply = await answered((request) => request.respond(make("x", { status })));
      expect([reply.status, reply.reason]).toEqual([status, phrase]);
    });

    test("repeats Set-Cookie", async () => {
      const headers = new Headers([
        ["Set-Cookie", "a=1, 2"],
        ["set-cookie", "b=2"],
        ["Via", "1"],
        ["Via", "2"],
      ]);
      const reply = await answered((request) => request.respond(make(null, { headers: [...headers] })));
      expect([headerValues(reply, "set-cookie"), headerValues(reply, "via")]).toEqual([["a=1, 2", "b=2"], ["1, 2"]]);
    });

    test("a body that comes in pieces is sent as it comes", async () => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          for (const text of ["a", "bc"]) controller.enqueue(new TextEncoder().encode(text));
          controller.close();
        },
      });
      const reply = await answered((request) => request.respond(make(body)));
      expect([String(reply.body), headerValues(reply, "transfer-encoding")]).toEqual(["abc", ["chunked"]]);
    });

    test.each<[what: string, use: (response: Response) => unknown]>([
      ["read", (response) => response.text()],
      ["being read", (response) => response.body!.getReader()],
    ])("one that was %s is an error", async (_what, use) => {
      const response = make("x");
      await use(response);
      const error = await refused((request) => request.respond(response));
      expect(error).toMatchObject({ name: "TypeError", code: "ERR_INVALID_ARGUMENT" });
      expect(error.message).toMatch(/^the body of this Response was read already.* \(in the response to GET \/x\)$/);
    });

    test.each([204, 304])("%i has no body", async (status) => {
      const reply = await answered((request) => request.respond(make(null, { status })));
      expect([reply.status, reply.body.length]).toEqual([status, 0]);
    });

    test("its content coding is its own: what is compressed stays so", async () => {
      const bytes = zlib.gzipSync("hello");
      const reply = await answered((request) =>
        request.respond(
          make(bytes, { headers: { "content-encoding": "gzip", "content-length": String(bytes.length) } }),
        ),
      );
      expect([headerValues(reply, "content-encoding"), reply.body]).toEqual([["gzip"], bytes]);
    });
  });

  test("Response.error() is an error", async () => {
    const error = await refused((request) => request.respond(Response.error()));
    expect(error).toMatchObject({ name: "TypeError", code: "ERR_INVALID_ARGUMENT" });
    expect(error.message).toMatch(/no status, so they cannot be sent/);
  });

  test.each<[what: string, value: unknown, message: RegExp]>([
    ["a Promise of one", Promise.resolve(new Response()), /got a Promise: await it first/],
    ["null", null, /the status must be .*, got null/],
    ["an object", { body: "x" }, /the status must be .*, got an object/],
  ])("%s is no status", async (_what, value, message) => {
    const error = await refused((request) => request.respond(value as Response));
    expect(error).toMatchObject({ name: "RangeError", code: "ERR_INVALID_STATUS" });
    expect(error.message).toMatch(message);
  });

  test("a status text with a line break is an error", async () => {
    const fake = { status: 200, statusText: "a\r\nX: 1", headers: new Headers(), body: null, bodyUsed: false, url: "" };
    expect(await refused((request) => request.respond(fake as unknown as Response))).toMatchObject({
      code: "ERR_INVALID_HEADER",
    });
    const source = { ...fake, body: new Response("x").body };
    expect(await refused((request) => request.respond(source as unknown as Response))).toMatchObject({
      code: "ERR_INVALID_HEADER",
    });
  });

  test("one of a polyfill that has no stream, as in jsdom", async () => {
    const whole = new TextEncoder().encode("whole").buffer;
    const old = {
      status: 200,
      statusText: "",
      headers: new Headers({ a: "1" }),
      bodyUsed: false,
      url: "",
      arrayBuffer: async () => whole,
    };
    const reply = await answered((request) => request.respond(old as unknown as Response));
    expect([String(reply.body), headerValues(reply, "a")]).toEqual(["whole", ["1"]]);
  });

  test("a second one is an error, and lets go of its body", async () => {
    const server = await startServer();
    const client = await RawClient.connect(server);
    await client.send(get("/x"));
    const request = await server.acceptRequest();
    await request.respond(200);
    let cancelled = false;
    const body = new ReadableStream({ cancel: () => void (cancelled = true) });
    const error = await rejectionOf(request.respond(new Response(body)));
    expect([(error as { code?: string }).code, cancelled]).toEqual(["ERR_ALREADY_ANSWERED", true]);
  });

  describe("that fetch gave, as in a proxy", () => {
    async function viaProxy(
      origin: (request: import("node:http").IncomingMessage, response: import("node:http").ServerResponse) => void,
      method = "GET",
    ): Promise<RawResponse> {
      const upstream = createServer(origin);
      await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
      const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/`;
      try {
        return await answered(
          async (request) => request.respond(await fetch(url, { method: request.reqMethod })),
          method,
        );
      } finally {
        upstream.closeAllConnections();
        await new Promise((resolve) => upstream.close(resolve));
      }
    }

    test.each(["gzip", "x-gzip", "GZIP"])(
      "%s was undone: neither the coding nor its length is passed on",
      async (coding) => {
        const reply = await viaProxy((_request, response) => {
          const bytes = zlib.gzipSync("hello ".repeat(100));
          response.writeHead(203, "Sort Of", {
            "Content-Encoding": coding,
            "Content-Length": bytes.length,
            "X-A": "1",
          });
          response.end(bytes);
        });
        expect([reply.status, reply.reason, String(reply.body)]).toEqual([203, "Sort Of", "hello ".repeat(100)]);
        expect([headerValues(reply, "content-encoding"), headerValues(reply, "x-a")]).toEqual([[], ["1"]]);
      },
    );

    const zstd = (zlib as { zstdCompressSync?: (text: string) => Buffer }).zstdCompressSync;
    test.each<[coding: string, encode: (text: string) => Buffer]>([
      ["br", (text) => zlib.brotliCompressSync(text)],
      ["deflate", (text) => zlib.deflateSync(text)],
      ["gzip, br", (text) => zlib.brotliCompressSync(zlib.gzipSync(text))],
      // Where Node can compress it, its fetch may know it or not: either way the client gets the text.
      ...(zstd === undefined ? [] : [["zstd", zstd] as [string, (text: string) => Buffer]]),
    ])("%s arrives as what it is", async (coding, encode) => {
      const bytes = encode("hello");
      const reply = await viaProxy((_request, response) => {
        response.writeHead(200, { "Content-Encoding": coding, "Content-Length": bytes.length }).end(bytes);
      });
      const passedOn = headerValues(reply, "content-encoding").length > 0;
      expect(reply.body).toEqual(passedOn ? bytes : Buffer.from("hello"));
      expect(passedOn).toBe(coding === "zstd" && Number(process.versions.undici?.split(".")[0]) < 7);
    });

    test("a coding that fetch does not know is passed on", async () => {
      const reply = await viaProxy(
        (_request, response) => void response.writeHead(200, { "Content-Encoding": "compress" }).end("hello"),
      );
      expect([headerValues(reply, "content-encoding"), String(reply.body)]).toEqual([["compress"], "hello"]);
    });

    test("without a coding the length is passed on, also to HEAD", async () => {
      const origin: Parameters<typeof viaProxy>[0] = (_request, response) =>
        void response.writeHead(200, { "Content-Length": 5 }).end("hello");
      const reply = await viaProxy(origin);
      expect([headerValues(reply, "content-length"), String(reply.body)]).toEqual([["5"], "hello"]);
      const head = await viaProxy(origin, "HEAD");
      expect([headerValues(head, "content-length"), head.body.length]).toEqual([["5"], 0]);
    });

    test("what belongs to the connection is not passed on", async () => {
      const reply = await viaProxy((_request, response) => {
        response.writeHead(200, {
          Connection: "close, X-Hop",
          "X-Hop": "1",
          "Keep-Alive": "timeout=77",
          Trailer: "X-T",
          "X-A": "1",
        });
        response.write("a");
        response.end("b");
      });
      expect(String(reply.body)).toBe("ab");
      expect(["x-hop", "trailer", "x-a"].map((name) => headerValues(reply, name))).toEqual([[], [], ["1"]]);
      expect(headerValues(reply, "connection")).toEqual(["keep-alive"]);
      expect(headerValues(reply, "keep-alive")).not.toEqual(["timeout=77"]);
    });

    test.each([204, 304])("%i", async (status) => {
      const reply = await viaProxy((_request, response) => void response.writeHead(status, { ETag: '"a"' }).end());
      expect([reply.status, headerValues(reply, "etag")]).toEqual([status, ['"a"']]);
    });
  });
});

describe("errors of respond name the thing, the remedy and the request", () => {
  test.each<[what: string, content: unknown, message: RegExp]>([
    ["a Promise", Promise.resolve("x"), /got a Promise: await it first/],
    ["a Blob", new Blob(["x"]), /got a Blob: give its stream\(\)/],
    ["an object", { a: 1 }, /got an object: respondJson/],
    ["a list", ["a"], /got an Array: respondJson/],
    ["a number", 5, /got 5: make a text of it/],
    ["a boolean", true, /got true: make a text of it/],
    ["null", null, /got null: leave it out/],
    ["a function", () => "x", /got a function: call it/],
    ["URLSearchParams", new URLSearchParams("a=1"), /got an? URLSearchParams: make a text of it/],
    ["a Response", new Response("x"), /got a Response: give a fetch Response alone/],
  ])("%s as content", async (_what, content, message) => {
    const error = await refused((request) => request.respond(200, content as string));
    expect(error).toMatchObject({ name: "TypeError", code: "ERR_INVALID_ARGUMENT" });
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/ \(in the response to GET \/x\)$/);
  });

  test.each<[code: unknown, message: RegExp]>([
    ["200", /got "200"/],
    [600, /got 600/],
    [undefined, /got undefined/],
    [200n, /got 200n/],
    [NaN, /got NaN/],
  ])("%p as status", async (code, message) => {
    const error = await refused((request) => request.respond(code as number));
    expect(error).toMatchObject({ name: "RangeError", code: "ERR_INVALID_STATUS" });
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/GET \/x/);
    // Without a code, sendHeaders sends 200.
    if (code !== undefined)
      expect((await refused((request) => request.sendHeaders({}, code as number))).message).toMatch(message);
  });

  test("a stack that cannot be made is survived", async () => {
    const before = Error.prepareStackTrace;
    Error.prepareStackTrace = () => {
      throw new Error("no stack");
    };
    try {
      const error = await refused((request) => request.respond(200, null as never));
      expect(error.message).toMatch(/got null/);
    } finally {
      Error.prepareStackTrace = before;
    }
  });
});
