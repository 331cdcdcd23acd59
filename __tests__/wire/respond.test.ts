import { once } from "node:events";
import { Readable } from "node:stream";
import { ReadableStream } from "node:stream/web";
import { runInNewContext } from "node:vm";
import { Http200, newHttpHeaders, type Content, type HeadersInit, type Request } from "../../lib/index";
import { headerValues, type RawClient, type RawResponse } from "../helpers/raw-client";
import {
  ask,
  connectRaw,
  deferred,
  get,
  disconnected,
  hasSettled,
  pieces,
  post,
  rejectionOf,
  settle,
  startServer,
  type Asked,
} from "../helpers/servers";

const MIB = 1024 * 1024;

/** The only response of the first request, and the proof that the connection is in step behind it. */
async function responseInStep({ server, client }: Asked): Promise<RawResponse> {
  await client.send(get("/in-step"));
  await (await server.acceptRequest()).respond(200, "in step");
  const [first, second] = await client.read(2);
  expect(second?.body.toString()).toBe("in step");
  return first!;
}

describe("content", () => {
  const abc = new Uint8Array([0x61, 0x62, 0x63]);
  const foreign: Record<string, () => ArrayBufferView | ArrayBuffer> = {
    view: () => runInNewContext("new Uint8Array([0x61, 0x62, 0x63])") as Uint8Array,
    buffer: () => runInNewContext("new Uint8Array([0x61, 0x62, 0x63]).buffer") as ArrayBuffer,
  };
  const whole: ReadonlyArray<[kind: string, content: () => Content | undefined, bytes: Buffer]> = [
    ["none", () => undefined, Buffer.alloc(0)],
    ["an empty string", () => "", Buffer.alloc(0)],
    ["ASCII", () => "hello", Buffer.from("hello")],
    ["UTF-8, whose length is in bytes", () => "grüße 🦀", Buffer.from("grüße 🦀")],
    ["latin1 letters as UTF-8", () => "\xe4\xff", Buffer.from([0xc3, 0xa4, 0xc3, 0xbf])],
    ["a lone surrogate", () => "a\ud800b", Buffer.from("a\ufffdb")],
    ["a Buffer", () => Buffer.from(abc), Buffer.from(abc)],
    ["a Uint8Array", () => abc, Buffer.from(abc)],
    ["an empty Uint8Array", () => new Uint8Array(), Buffer.alloc(0)],
    ["a part of a larger buffer", () => Buffer.from("xxabcxx").subarray(2, 5), Buffer.from(abc)],
    ["a DataView", () => new DataView(abc.buffer, 1, 2), Buffer.from("bc")],
    ["a Uint16Array", () => new Uint16Array(abc.buffer.slice(0, 2)), Buffer.from("ab")],
    ["an ArrayBuffer", () => abc.buffer, Buffer.from(abc)],
    ["a SharedArrayBuffer", () => new SharedArrayBuffer(3) as unknown as ArrayBuffer, Buffer.alloc(3)],
    ["a view of another realm", foreign["view"]!, Buffer.from(abc)],
    ["an ArrayBuffer of another realm", foreign["buffer"]!, Buffer.from(abc)],
    ["1 MiB of text", () => "ü".repeat(MIB / 2), Buffer.from("ü".repeat(MIB / 2))],
  ];

  test.each(whole)("%s", async (_kind, content, bytes) => {
    const asked = await ask();
    await asked.request.respond(200, content());
    const response = await responseInStep(asked);
    expect(headerValues(response, "content-length")).toEqual([String(bytes.length)]);
    expect(response.body.equals(bytes)).toBe(true);
  });

  const sources: ReadonlyArray<[kind: string, content: () => Content, text: string]> = [
    ["an async generator of strings and bytes", () => pieces("one ", Buffer.from("two "), "", abc), "one two abc"],
    ["a generator that yields nothing", () => pieces(), ""],
    ["a Readable", () => Readable.from([Buffer.from("one "), Buffer.from("two")]), "one two"],
    ["a Readable of strings", () => Readable.from(["grüße ", "🦀"]), "grüße 🦀"],
    ["a ReadableStream", () => ReadableStream.from(["one ", abc]) as ReadableStream, "one abc"],
    [
      "an async iterable without return",
      () => {
        const rest = ["one ", "two"];
        return {
          [Symbol.asyncIterator]: () => ({
            next: async () =>
              rest.length > 0 ? { done: false, value: rest.shift()! } : { done: true as const, value: undefined },
          }),
        } as AsyncIterable<string>;
      },
      "one two",
    ],
  ];

  test.each(sources)("%s", async (_kind, content, text) => {
    const asked = await ask();
    await asked.request.respond(200, content());
    const response = await responseInStep(asked);
    expect(headerValues(response, "transfer-encoding")).toEqual(["chunked"]);
    expect(response.body.toString()).toBe(text);
  });

  test.each<[content: unknown]>([[null], [5], [true], [{}], [["text"]], [() => "text"], [Symbol("s")]])(
    "%p is an error, nothing is written, and another response is possible",
    async (content) => {
      const asked = await ask();
      const error = await rejectionOf(asked.request.respond(200, content as Content));
      expect(error).toBeInstanceOf(TypeError);
      expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
      await asked.request.respond(200, "another");
      expect((await responseInStep(asked)).body.toString()).toBe("another");
    },
  );
});

describe("headers", () => {
  test.each<[kind: string, init: HeadersInit]>([
    ["a record", { "X-One": "1", "Set-Cookie": ["a", "b"] }],
    [
      "pairs",
      [
        ["X-One", "1"],
        ["Set-Cookie", "a"],
        ["set-cookie", "b"],
      ],
    ],
    [
      "a Map",
      new Map<string, string | string[]>([
        ["X-One", "1"],
        ["Set-Cookie", ["a", "b"]],
      ]),
    ],
    [
      "a fetch Headers",
      new Headers([
        ["X-One", "1"],
        ["Set-Cookie", "a"],
        ["Set-Cookie", "b"],
      ]),
    ],
    [
      "HttpHeaders",
      newHttpHeaders([
        ["X-One", "1"],
        ["Set-Cookie", ["a", "b"]],
      ]),
    ],
  ])("%s", async (_kind, init) => {
    const asked = await ask();
    await asked.request.respond(200, "", init);
    const response = await responseInStep(asked);
    expect(headerValues(response, "x-one")).toEqual(["1"]);
    expect(headerValues(response, "set-cookie")).toEqual(["a", "b"]);
  });

  test("go out in lower case, in title case on request", async () => {
    const asked = await ask(get("/1") + get("/2"));
    await asked.request.respond(200, "", { "X-CUSTOM-Name": "v" });
    await (await asked.server.acceptRequest()).respond(200, "", newHttpHeaders({ "x-custom-NAME": "v" }, true));
    const heads = (await asked.client.read(2)).map(({ head }) => head);
    expect(heads[0]).toContain("\r\nx-custom-name: v");
    expect(heads[1]).toContain("\r\nX-Custom-Name: v");
  });

  test("their bytes go out as latin1, also beside content in UTF-8", async () => {
    const asked = await ask();
    await asked.request.respond(200, "grüße", { "x-latin": "\xe4\xff" });
    const response = await responseInStep(asked);
    expect([headerValues(response, "x-latin"), response.body.toString()]).toEqual([["\xe4\xff"], "grüße"]);
  });
});

describe("a Content-Length of the caller never puts the connection out of step", () => {
  const contents: ReadonlyArray<[kind: string, content: () => Content]> = [
    ["text", () => "hello"],
    ["bytes", () => Buffer.from("hello")],
    ["a source", () => pieces("he", "llo")],
  ];
  const rows = contents.flatMap(([kind, content]) => [0, 3, 5].map((length) => ({ kind, content, length })));

  test.each(rows)("$length for 5 bytes of $kind: so many are sent", async ({ content, length }) => {
    const asked = await ask();
    await asked.request.respond(200, content(), { "Content-Length": length });
    const response = await responseInStep(asked);
    expect(headerValues(response, "content-length")).toEqual([String(length)]);
    expect(response.body.toString()).toBe("hello".slice(0, length));
  });

  test.each(contents)("6 for 5 bytes of %s: the client sees a cut", async (_kind, content) => {
    const { client, request } = await ask();
    await request.respond(200, content(), { "Content-Length": "6" });
    expect((await client.end())[0]).toMatchObject({ whole: false, body: Buffer.from("hello") });
  });

  test("a source is not asked for more than is sent", async () => {
    const asked = await ask();
    let asks = 0;
    const released = deferred();
    async function* endless(): AsyncGenerator<string> {
      try {
        for (;;) {
          asks++;
          yield "0123456789";
        }
      } finally {
        released.resolve();
      }
    }
    await asked.request.respond(200, endless(), { "Content-Length": "25" });
    await released.promise;
    expect(asks).toBe(3);
    expect((await responseInStep(asked)).body.toString()).toBe("0123456789012345678901234");
  });
});

describe("without content", () => {
  const kinds: ReadonlyArray<[kind: string, content: () => Content]> = [
    ["text", () => "hello"],
    ["a source", () => pieces("hello")],
  ];

  test.each(kinds)("HEAD, %s", async (kind, content) => {
    const asked = await ask("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "HEAD");
    await asked.request.respond(200, content());
    const response = await responseInStep(asked);
    expect(response.body.length).toBe(0);
    // RFC 9110 9.3.2: what GET would have had.
    if (kind === "text") expect(headerValues(response, "content-length")).toEqual(["5"]);
  });

  const rows = kinds.flatMap(([kind, content]) =>
    (
      [
        [204, []],
        [205, ["0"]],
        [304, []],
      ] as const
    ).map(([code, lengths]) => ({ code, kind, content, lengths })),
  );
  test.each(rows)("$code, $kind", async ({ code, content, lengths }) => {
    const asked = await ask();
    await asked.request.respond(code, content());
    const response = await responseInStep(asked);
    expect([response.status, response.body.length]).toEqual([code, 0]);
    expect(headerValues(response, "content-length")).toEqual(lengths);
    expect(headerValues(response, "transfer-encoding")).toEqual([]);
  });

  test("304 has the caller's length, which content of a 200 would have had", async () => {
    const asked = await ask();
    await asked.request.respond(304, "", { "Content-Length": "1234" });
    expect(headerValues(await responseInStep(asked), "content-length")).toEqual(["1234"]);
  });

  test("a source is let go of: a generator runs to its first yield and its finally, a stream is destroyed unread", async () => {
    const asked = await ask(get("/1") + get("/2"));
    const seen: string[] = [];
    const finished = deferred();
    async function* generator(): AsyncGenerator<string> {
      seen.push("resource opened");
      try {
        yield "x";
        seen.push("resumed");
      } finally {
        seen.push("resource closed");
        finished.resolve();
      }
    }
    await asked.request.respond(204, generator());
    await finished.promise;
    const stream = new Readable({ read: () => seen.push("read") });
    await (await asked.server.acceptRequest()).respond(204, stream);
    expect(stream.destroyed).toBe(true);
    expect(seen).toEqual(["resource opened", "resource closed"]);
  });

  test("HEAD lets go of a web stream that somebody else reads, as far as it can", async () => {
    const asked = await ask("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "HEAD");
    const stream = new ReadableStream();
    stream.getReader();
    await asked.request.respond(200, stream);
    expect(await responseInStep(asked)).toMatchObject({ status: 200, whole: true });
  });
});

describe("interim responses", () => {
  test.each([[100], [102], [103]])("%i, and the request still waits for its final one", async (code) => {
    const asked = await ask();
    await asked.request.respond(code);
    await asked.request.respond(Http200, "final");
    await asked.client.send(get("/in-step"));
    await (await asked.server.acceptRequest()).respond(200);
    const responses = await asked.client.read(2);
    expect(responses.map(({ status }) => status)).toEqual([code, 200, 200]);
    expect(responses[1]?.body.toString()).toBe("final");
  });

  test("103 with its Link headers, more than once", async () => {
    const { client, request } = await ask();
    await request.respond(103, "", { Link: ["</a.css>; rel=preload", "</b.js>; rel=preload"] });
    await request.respond(103, "", { Link: "</c.css>; rel=preload" });
    expect((await client.readAny(2)).map((response) => headerValues(response, "link"))).toEqual([
      ["</a.css>; rel=preload", "</b.js>; rel=preload"],
      ["</c.css>; rel=preload"],
    ]);
    await request.respond(200);
    expect(headerValues((await client.read(1))[2]!, "link")).toEqual([]);
  });

  test("are not sent to an HTTP/1.0 client (RFC 9110 15.2)", async () => {
    const { client, request } = await ask("GET / HTTP/1.0\r\n\r\n");
    await request.respond(103, "", { Link: "</a.css>" });
    await request.respond(200, "final");
    expect((await client.end()).map(({ status }) => status)).toEqual([200]);
  });

  test("come behind the responses before them on the connection", async () => {
    const { server, client, request } = await ask(get("/1") + get("/2"));
    const first = request.respond(200, Buffer.alloc(MIB, "x"));
    await first;
    const second = await server.acceptRequest();
    await second.respond(102);
    await second.respond(200, "two");
    expect((await client.read(2)).map(({ status, whole }) => [status, whole])).toEqual([
      [200, true],
      [102, true],
      [200, true],
    ]);
  });

  test("after the response they are an error, as is a header that cannot be sent", async () => {
    const { client, request } = await ask();
    expect(await rejectionOf(request.respond(103, "", { Link: "a\r\nb: c" }))).toMatchObject({
      code: "ERR_INVALID_HEADER",
    });
    await request.respond(200);
    expect(await rejectionOf(request.respond(103))).toMatchObject({ code: "ERR_ALREADY_ANSWERED" });
    expect((await client.read(1)).map(({ status }) => status)).toEqual([200]);
  });
});

describe("what cannot be sent is an error, nothing is written, and another response is possible", () => {
  test.each<[what: string, respond: (request: Request) => Promise<void>, kind: ErrorConstructor, code: string]>([
    ["status 99", (request) => request.respond(99), RangeError, "ERR_INVALID_STATUS"],
    ["status 600", (request) => request.respond(600), RangeError, "ERR_INVALID_STATUS"],
    ["status 200.5", (request) => request.respond(200.5), RangeError, "ERR_INVALID_STATUS"],
    ["status NaN", (request) => request.respond(NaN), RangeError, "ERR_INVALID_STATUS"],
    ["a status that is a string", (request) => request.respond("200" as never), RangeError, "ERR_INVALID_STATUS"],
    ["CR LF in a value", (request) => request.respond(200, "x", { a: "b\r\nc: d" }), TypeError, "ERR_INVALID_HEADER"],
    ["LF in a value", (request) => request.respond(200, "x", { a: "b\nc" }), TypeError, "ERR_INVALID_HEADER"],
    ["NUL in a value", (request) => request.respond(200, "x", { a: "b\0" }), TypeError, "ERR_INVALID_HEADER"],
    ["a value beyond latin1", (request) => request.respond(200, "x", { a: "€" }), TypeError, "ERR_INVALID_HEADER"],
    ["LF in a name", (request) => request.respond(200, "x", { "a\n": "b" }), TypeError, "ERR_INVALID_HEADER"],
    ["a colon in a name", (request) => request.respond(200, "x", { "a:": "b" }), TypeError, "ERR_INVALID_HEADER"],
    ["an empty name", (request) => request.respond(200, "x", { "": "b" }), TypeError, "ERR_INVALID_HEADER"],
    [
      "two lengths",
      (request) => request.respond(200, "x", { "content-length": ["1", "2"] }),
      TypeError,
      "ERR_INVALID_HEADER",
    ],
    [
      "another coding",
      (request) => request.respond(200, "x", { "transfer-encoding": "gzip" }),
      TypeError,
      "ERR_INVALID_HEADER",
    ],
    [
      "a good header behind a bad one",
      (request) => request.respond(200, "x", { b: "\n", a: "1" }),
      TypeError,
      "ERR_INVALID_HEADER",
    ],
    ["a bad header of a 204", (request) => request.respond(204, "", { b: "\n" }), TypeError, "ERR_INVALID_HEADER"],
    [
      "a bad header beside Connection: close",
      (request) => request.respond(200, "x", { Connection: "close", b: "\n" }),
      TypeError,
      "ERR_INVALID_HEADER",
    ],
  ])("%s", async (_what, respond, kind, code) => {
    const asked = await ask();
    const error = await rejectionOf(respond(asked.request));
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ code });
    await asked.request.respond(500, "another");
    const response = await responseInStep(asked);
    expect([response.status, response.body.toString(), headerValues(response, "a")]).toEqual([500, "another", []]);
  });

  test.each([[200], [500], [599]])("status %i can", async (code) => {
    const asked = await ask();
    await asked.request.respond(code, "x");
    expect((await responseInStep(asked)).status).toBe(code);
  });

  test("a second response; the first one is not touched", async () => {
    const asked = await ask();
    const first = asked.request.respond(201, "first");
    const error = await rejectionOf(asked.request.respond(202, "second"));
    expect(error).toMatchObject({ code: "ERR_ALREADY_ANSWERED" });
    expect(error.message).toContain("201");
    await first;
    expect(await rejectionOf(asked.request.respond(202, "second"))).toMatchObject({ code: "ERR_ALREADY_ANSWERED" });
    expect(await responseInStep(asked)).toMatchObject({ status: 201, body: Buffer.from("first") });
  });

  test("a stream that was to be sent with it is let go of", async () => {
    const asked = await ask();
    const stream = new Readable({ read() {} });
    const closed = once(stream, "close");
    expect(await rejectionOf(asked.request.respond(99, stream))).toMatchObject({ code: "ERR_INVALID_STATUS" });
    expect(stream.destroyed).toBe(true);
    await closed;
    await asked.request.respond(200);
    expect(await responseInStep(asked)).toMatchObject({ status: 200 });
  });
});

describe("settles", () => {
  test("when the bytes are with the operating system, not before", async () => {
    const { server, client, request } = await ask();
    client.socket.pause();
    const answered = request.respond(200, Buffer.alloc(64 * MIB));
    for (let i = 0; i < 3; i++) await settle(server);
    expect(await hasSettled(answered)).toBe(false);
    // The client takes the bytes without looking at them.
    client.socket.removeAllListeners("data").resume();
    await answered;
  });

  test("when the client disconnects in the middle, without an error", async () => {
    const { client, request } = await ask();
    client.socket.pause();
    const answered = request.respond(200, Buffer.alloc(64 * MIB));
    client.reset();
    expect(await answered).toBeUndefined();
  });

  test.each<[kind: string, content: () => Content]>([
    ["text", () => "nobody reads this"],
    ["a source", () => pieces("nobody ", "reads this")],
  ])("at once when the client has left before: %s", async (_kind, content) => {
    const server = await startServer();
    const { client, socket } = await connectRaw(server);
    await client.send(get("/"));
    const request = await server.acceptRequest();
    client.reset();
    await disconnected(socket);
    expect(await request.respond(200, content())).toBeUndefined();
    expect(await rejectionOf(request.respond(200))).toMatchObject({ code: "ERR_ALREADY_ANSWERED" });
  });
});

describe("the connection", () => {
  test("stays open, as in Nim", async () => {
    const asked = await ask(post("/", "body"));
    await asked.request.respond(200, "x");
    expect(headerValues(await responseInStep(asked), "connection")).not.toContain("close");
  });

  test.each<[who: string, bytes: string, init: HeadersInit | undefined]>([
    ["the response says so", get("/"), { Connection: "close" }],
    ["the response says so, in other letters", get("/"), { connection: "Close" }],
    ["the request says so", get("/", "Connection: close"), undefined],
    ["the client is HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", undefined],
  ])("ends when %s", async (_who, bytes, init) => {
    const { client, request } = await ask(bytes);
    await request.respond(200, "the last", init);
    const responses = await client.end();
    expect(client.state).toBe("eof");
    expect(responses.map(({ body, whole }) => [body.toString(), whole])).toEqual([["the last", true]]);
  });
});

describe("a source is sent as it comes", () => {
  test("the head at once, each piece when it is there", async () => {
    const { client, request } = await ask();
    const gates = [deferred(), deferred()];
    async function* slow(): AsyncGenerator<string> {
      await gates[0]!.promise;
      yield "first";
      await gates[1]!.promise;
      yield "second";
    }
    const data = (): Promise<string> => once(client.socket, "data").then(([bytes]) => String(bytes));
    const head = data();
    const answered = request.respond(200, slow());
    expect(await head).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/);
    const first = data();
    gates[0]!.resolve();
    expect(await first).toContain("first");
    expect(await hasSettled(answered)).toBe(false);
    gates[1]!.resolve();
    await answered;
    expect((await client.read(1))[0]?.body.toString()).toBe("firstsecond");
  });

  test("with back-pressure: it is not asked for more than the client takes", async () => {
    const { server, client, request } = await ask();
    client.socket.pause();
    const chunk = Buffer.alloc(64 * 1024);
    const most = 2_000;
    let yielded = 0;
    async function* much(): AsyncGenerator<Buffer> {
      for (; yielded < most; yielded++) yield chunk;
    }
    const answered = request.respond(200, much());
    for (let i = 0; i < 10; i++) await settle(server);
    const held = yielded;
    await settle(server);
    expect(yielded).toBe(held);
    // What the system's buffers take, and no more.
    expect(held).toBeLessThan(most / 4);
    expect(request.client.writableLength).toBeLessThan(MIB);
    client.reset();
    await answered;
  });

  test("to its end when the client takes it", async () => {
    const asked = await ask();
    const chunk = Buffer.alloc(64 * 1024, "y");
    async function* some(): AsyncGenerator<Buffer> {
      for (let i = 0; i < 100; i++) yield chunk;
    }
    await asked.request.respond(200, some());
    expect((await responseInStep(asked)).body.equals(Buffer.alloc(100 * chunk.length, "y"))).toBe(true);
  });
});

/** A web stream that fails behind its first piece. */
function webStream(failure: Error): ReadableStream {
  let begun = false;
  return new ReadableStream({
    pull(controller) {
      if (begun) controller.error(failure);
      else controller.enqueue("begun");
      begun = true;
    },
  });
}

describe("a source that fails", () => {
  const failure = new Error("the source failed");
  const sources: ReadonlyArray<[how: string, source: () => Content, error: unknown]> = [
    [
      "after a piece",
      async function* () {
        yield "begun";
        throw failure;
      },
      failure,
    ],
    [
      "as a stream",
      () =>
        new Readable({
          read() {
            this.push("begun");
            this.destroy(failure);
          },
        }),
      failure,
    ],
    ["as a web stream", () => webStream(failure), failure],
    ["with a piece that is none", () => pieces("begun", 5 as unknown as string), expect.any(TypeError)],
  ];
  const lengths = [
    ["a chunked response", undefined],
    ["a known length", { "Content-Length": "100" }],
  ] as const;
  const rows = sources.flatMap(([how, source, error]) =>
    lengths.map(([what, init]) => ({ how, source, error, what, init })),
  );

  test.each(rows)("$how is cut, $what: the client does not take it for whole", async ({ source, error, init }) => {
    const { client, request } = await ask();
    const answered = rejectionOf(request.respond(200, source(), init));
    const responses = await client.end();
    expect(await answered).toEqual(error);
    expect(responses.map(({ whole }) => whole)).toEqual([false]);
  });

  const unbegun: ReadonlyArray<[how: string, source: () => Content]> = [
    [
      "a generator",
      async function* () {
        if (failure.message !== "") throw failure;
        yield "";
      },
    ],
    [
      "a stream",
      () =>
        new Readable({
          read() {
            this.destroy(failure);
          },
        }),
    ],
    ["a web stream", () => new ReadableStream({ pull: (controller) => controller.error(failure) })],
  ];
  const unbegunRows = unbegun.flatMap(([how, source]) => lengths.map(([what, init]) => ({ how, source, what, init })));

  test.each(unbegunRows)(
    "before its first piece, $how, $what: 500, and the connection ends",
    async ({ source, init }) => {
      const { client, request } = await ask();
      const answered = rejectionOf(request.respond(200, source(), init));
      const [response] = await client.end();
      expect(await answered).toBe(failure);
      expect(response).toMatchObject({ status: 500, whole: true });
      expect(response?.body.toString()).toBe("500 Internal Server Error");
    },
  );

  test("where only the end of the connection tells (HTTP/1.0), a reset tells that content is missing", async () => {
    const { client, request } = await ask("GET / HTTP/1.0\r\n\r\n");
    const read = deferred();
    async function* source(): AsyncGenerator<string> {
      yield "begun";
      await read.promise;
      throw failure;
    }
    client.socket.on("data", (bytes) => {
      if (String(bytes).includes("begun")) read.resolve();
    });
    expect(await rejectionOf(request.respond(200, source()))).toBe(failure);
    await client.end();
    expect(client.state).toBe("reset");
  });

  test("a fetch sees it as well", async () => {
    const server = await startServer();
    const response = fetch(server.url);
    const answered = rejectionOf((await server.acceptRequest()).respond(200, sources[0]![1]()));
    await rejectionOf((await response).text());
    expect(await answered).toBe(failure);
  });

  test("others are served on, and the process lives", async () => {
    const { server, client, request } = await ask();
    await rejectionOf(request.respond(200, sources[0]![1]()));
    await client.end();
    const response = fetch(server.url);
    await (await server.acceptRequest()).respond(200, "lives");
    expect(await (await response).text()).toBe("lives");
  });
});

describe("when the client disconnects", () => {
  /** Answers with a source, lets the client read some of it and leave. */
  async function leaveDuring(source: Content): Promise<void> {
    const { client, request } = await ask();
    const answered = request.respond(200, source);
    await once(client.socket, "data");
    client.reset();
    expect(await answered).toBeUndefined();
  }

  test("a generator's return runs", async () => {
    const returned = deferred();
    async function* endless(): AsyncGenerator<string> {
      try {
        for (;;) yield "x".repeat(10_000);
      } finally {
        returned.resolve();
      }
    }
    await leaveDuring(endless());
    await returned.promise;
  });

  test("an iterator's return is called, even while its next is pending", async () => {
    const returned = deferred();
    let first = true;
    const source: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          if (!first) return new Promise(() => {});
          first = false;
          return Promise.resolve({ done: false, value: "one" });
        },
        return: () => {
          returned.resolve();
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    };
    await leaveDuring(source);
    await returned.promise;
  });

  test("a stream is destroyed", async () => {
    const stream = new Readable({ read() {} });
    stream.push("begun");
    const closed = once(stream, "close");
    await leaveDuring(stream);
    await closed;
    expect(stream.destroyed).toBe(true);
  });

  test("a web stream is cancelled", async () => {
    const cancelled = deferred();
    await leaveDuring(
      new ReadableStream({
        start: (controller) => controller.enqueue("begun"),
        cancel: () => cancelled.resolve(),
      }),
    );
    await cancelled.promise;
  });

  test("while it does not read, the source is let go of too", async () => {
    const { client, request } = await ask();
    client.socket.pause();
    const returned = deferred();
    let yielded = 0;
    const much = deferred();
    async function* endless(): AsyncGenerator<Buffer> {
      try {
        for (;;) {
          if (++yielded === 4) much.resolve();
          yield Buffer.alloc(MIB);
        }
      } finally {
        returned.resolve();
      }
    }
    const answered = request.respond(200, endless());
    await much.promise;
    client.reset();
    await answered;
    await returned.promise;
  });

  const disconnections: ReadonlyArray<[how: string, event: "end" | "close", disconnect: (client: RawClient) => void]> =
    [
      ["has shut its sending side", "end", (client) => client.half()],
      ["has gone", "close", (client) => client.reset()],
    ];

  test.each(disconnections)(
    "a signal that is asked for only when the client %s during a source is aborted",
    async (_how, event, disconnect) => {
      const server = await startServer();
      const { client, socket } = await connectRaw(server);
      await client.send(get("/"));
      const request = await server.acceptRequest();
      const begun = deferred();
      async function* source(): AsyncGenerator<string> {
        yield "begun";
        begun.resolve();
        await new Promise(() => {});
      }
      void request.respond(200, source());
      await begun.promise;
      const seen = new Promise((resolve) => socket.once(event, resolve));
      disconnect(client);
      await seen;
      expect(request.signal.aborted).toBe(true);
    },
  );
});
