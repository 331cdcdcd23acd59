import { once } from "node:events";
import { get as httpGet, type IncomingMessage } from "node:http";
import { Agent, get as httpsGet } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setImmediate as turn } from "node:timers/promises";
import { newAsyncHttpServer, type Content, type Request } from "../../lib/index";
import {
  delay,
  delayed,
  dropConnection,
  readBytes,
  resetConnection,
  respondGarbage,
  startTestServer,
  testCertificate,
  throttled,
  truncated,
} from "../../lib/testing/index";
import { RawClient } from "../helpers/raw-client";
import { askOn, get, disconnected, pieces, rejectionOf } from "../helpers/servers";

const hello = "hello world";

interface Outcome {
  readonly status: number | undefined;
  readonly length: string | undefined;
  readonly content: string;
  readonly whole: boolean;
  readonly ms: number;
}

/** What a client sees of the response of a handler; if that fails, so does this. */
async function outcomeOf(callback: (request: Request) => unknown): Promise<Outcome> {
  await using server = await startTestServer(callback);
  const begun = performance.now();
  const request = httpGet(server.url, { agent: false });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("error", () => {});
  await new Promise((resolve) => response.on("close", resolve));
  return {
    status: response.statusCode,
    length: response.headers["content-length"],
    content: Buffer.concat(chunks).toString(),
    whole: response.complete,
    ms: performance.now() - begun,
  };
}

const kinds: [name: string, content: () => Content][] = [
  ["text", () => hello],
  ["bytes", () => Buffer.from(hello)],
  ["an ArrayBuffer", () => new TextEncoder().encode(hello).buffer],
  ["a Readable", () => Readable.from(["hello", " world"])],
  ["a generator", () => pieces("hello", " ", "world")],
];

describe.each(kinds)("%s", (_, content) => {
  test("delayed arrives whole", async () => {
    const outcome = await outcomeOf((request) => request.respond(200, delayed(content(), 50)));
    expect(outcome).toMatchObject({ status: 200, content: hello, whole: true });
    expect(outcome.ms).toBeGreaterThan(48);
  });

  test("throttled arrives whole, no faster than the rate", async () => {
    const outcome = await outcomeOf((request) => request.respond(200, throttled(content(), 100)));
    expect(outcome).toMatchObject({ status: 200, content: hello, whole: true });
    expect(outcome.ms).toBeGreaterThan(105);
  });

  test.each([
    [0, "", false],
    [1, "h", false],
    [5, "hello", false],
    [6, "hello ", false],
    [10, "hello worl", false],
    [11, hello, true],
    [12, hello, true],
  ])("truncated after %p bytes is %p, whole: %p", async (bytes, seen, whole) => {
    const outcome = await outcomeOf((request) => request.respond(200, truncated(request, content(), bytes)));
    expect(outcome).toMatchObject({ status: 200, length: undefined, content: seen, whole });
  });
});

test("throttled lets tiny chunks through at its rate, not at that of timers", async () => {
  // A timer for each would take ten times as long as a test may.
  const [chunks, rate] = [50_000, 10_000_000];
  const outcome = await outcomeOf((request) =>
    request.respond(200, throttled(pieces(...Array(chunks).fill("x")), rate)),
  );
  expect(outcome).toMatchObject({ content: "x".repeat(chunks), whole: true });
});

test("faults nest", async () => {
  const content = (request: Request): Content => truncated(request, throttled(delayed(hello, 10), 1_000), 7);
  const outcome = await outcomeOf((request) => request.respond(200, content(request)));
  expect(outcome).toMatchObject({ content: "hello w", whole: false });
});

test("a truncated response has the Content-Length that it is given", async () => {
  const outcome = await outcomeOf((request) =>
    request.respond(200, truncated(request, hello, 5), { "Content-Length": hello.length }),
  );
  expect(outcome).toMatchObject({ length: "11", content: "hello", whole: false });
});

test("a truncated response ends without a reset, and its respond settles", async () => {
  await using server = await startTestServer();
  const { client, request } = await askOn(server);
  await request.respond(200, truncated(request, hello, 5));
  await client.end();
  expect(client.state).toBe("eof");
});

test("a long truncated response arrives up to its last byte", async () => {
  const [sent, bytes] = [30_000_000, 29_999_999];
  const outcome = await outcomeOf((request) => request.respond(200, truncated(request, "x".repeat(sent), bytes)));
  expect(outcome.content).toHaveLength(bytes);
  expect(outcome.whole).toBe(false);
});

test("the head of delayed content comes at once", async () => {
  await using server = await startTestServer((request) => request.respond(200, delayed(hello, 600_000)));
  const response = await fetch(server.url);
  expect(response.status).toBe(200);
  await response.body?.cancel();
});

describe("delay", () => {
  test("holds back even the status line", async () => {
    await using server = await startTestServer();
    const { client, request } = await askOn(server);
    const begun = performance.now();
    await delay(request, 50);
    expect(performance.now() - begun).toBeGreaterThan(48);
    expect(client.responses).toEqual([]);
  });

  test.each([
    ["leaves", (client: RawClient) => client.reset()],
    ["has left", undefined],
  ])("ends when the client %s", async (_, disconnect) => {
    await using server = await startTestServer();
    const { client, request } = await askOn(server);
    if (disconnect === undefined) {
      client.reset();
      await disconnected(request.client);
    }
    const delaying = delay(request, 600_000);
    disconnect?.(client);
    await delaying;
    expect(request.signal.aborted).toBe(true);
    await request.respond(200, "to nobody");
  });
});

test.each<[name: string, fault: (content: Content) => Content]>([
  ["delayed", (content) => delayed(content, 0)],
  ["throttled", (content) => throttled(content, 1_000)],
])("a source that is %s is let go when its client disconnects", async (_, fault) => {
  await using server = await startTestServer();
  const { client, request } = await askOn(server);
  let released = false;
  async function* endless(): AsyncGenerator<string> {
    try {
      for (;;) yield "x";
    } finally {
      released = true;
    }
  }
  const responding = request.respond(200, fault(endless()));
  await once(client.socket, "data");
  client.reset();
  await responding;
  await disconnected(request.client);
  // The piece on its way when the client left is the last that is asked for.
  while (!released) await turn();
});

const endings: [name: string, fault: (request: Request) => unknown, state: string][] = [
  ["resetConnection", resetConnection, "reset"],
  ["dropConnection", dropConnection, "eof"],
];

describe.each(endings)("%s", (_, fault, state) => {
  test("instead of a response", async () => {
    await using server = await startTestServer(fault);
    const client = await RawClient.connect(server);
    await client.send(get());
    expect(await client.end()).toEqual([]);
    expect(client.state).toBe(state);
  });

  test("in the middle of a response", async () => {
    await using server = await startTestServer();
    const { client, request } = await askOn(server);
    await request.sendHeaders({ "Content-Length": 5 });
    await once(client.socket, "data");
    fault(request);
    expect((await client.end())[0]).toMatchObject({ status: 200, body: Buffer.alloc(0), whole: false });
    expect(client.state).toBe(state);
  });

  test("after a response, which arrives", async () => {
    await using server = await startTestServer();
    const { client, request } = await askOn(server);
    await request.respond(200, "whole");
    await client.read(1);
    fault(request);
    expect((await client.end())[0]).toMatchObject({ body: Buffer.from("whole"), whole: true });
    expect(client.state).toBe(state);
  });

  test("more than once, and with a response behind it, is no failure", async () => {
    await using server = await startTestServer();
    const { client, request } = await askOn(server);
    fault(request);
    fault(request);
    await request.respond(200, "too late");
    expect(await client.end()).toEqual([]);
  });

  test("over TLS and on a Unix socket ends the connection", async () => {
    await using secure = await startTestServer(fault, { tls: testCertificate });
    const request = httpsGet(secure.url, { ca: testCertificate.cert, agent: new Agent() });
    expect((await once(request, "error"))[0]).toMatchObject({ code: "ECONNRESET" });

    await using local = newAsyncHttpServer();
    const path = join(tmpdir(), `fault-${process.pid}-${state}`);
    await local.listen(0, path);
    void local.serve(fault);
    const client = connect(path);
    client.write(get());
    expect(await buffer(client)).toHaveLength(0);
  });
});

test("garbage is sent as it is, then the connection ends", async () => {
  for (const [given, sent] of [
    [undefined, Buffer.from("This is not HTTP.\r\n\r\n")],
    ["é\r\n", Buffer.from("é\r\n")],
    [Uint8Array.of(0, 255), Buffer.of(0, 255)],
  ] as const) {
    await using server = await startTestServer((request) => respondGarbage(request, given));
    const client = connect(server.getPort(), "127.0.0.1");
    client.write(get());
    expect(await buffer(client)).toEqual(sent);
  }
});

test("respondGarbage is a handler", async () => {
  await using server = await startTestServer(respondGarbage);
  const error = await rejectionOf(fetch(server.url));
  expect(error.cause).toMatchObject({ name: "HTTPParserError" });
});

describe("a value that makes no sense is refused before anything is sent", () => {
  const request = {} as Request;
  const most = 2 ** 31 - 1;
  const values: [name: string, make: (value: number) => unknown, least: number][] = [
    ["delayed", (ms) => delayed("", ms), 0],
    ["throttled", (rate) => throttled("", rate), 1],
    ["truncated", (bytes) => truncated(request, "", bytes), 0],
  ];
  test.each(values)("%s", (_, make, least) => {
    for (const value of [least, most]) expect(() => make(value)).not.toThrow();
    for (const value of [least - 1, most + 1, NaN]) {
      expect(() => make(value)).toThrow(expect.objectContaining({ name: "RangeError", code: "ERR_INVALID_ARGUMENT" }));
    }
    for (const value of [undefined, "1"]) {
      const call = (): unknown => make(value as unknown as number);
      expect(call).toThrow(expect.objectContaining({ name: "TypeError", code: "ERR_INVALID_ARGUMENT" }));
    }
  });

  test("a part of a byte", async () => {
    const refusal = { name: "RangeError", message: "bytes must be a whole number; got 0.5" };
    expect(() => truncated(request, "", 0.5)).toThrow(expect.objectContaining(refusal));
    expect(await rejectionOf(readBytes(request, 0.5))).toMatchObject(refusal);
  });

  test("delay", async () => {
    expect(await rejectionOf(delay(request, -1))).toMatchObject({ name: "RangeError", code: "ERR_INVALID_ARGUMENT" });
  });

  test("content", () => {
    const content = { a: 1 } as unknown as Content;
    for (const make of [() => delayed(content, 1), () => throttled(content, 1), () => truncated(request, content, 1)]) {
      expect(make).toThrow(expect.objectContaining({ name: "TypeError", code: "ERR_INVALID_ARGUMENT" }));
    }
  });
});

describe("under fake timers", () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const faults: [name: string, callback: (request: Request) => unknown][] = [
    ["delay", (request) => delay(request, 1).then(() => request.respond(200, hello))],
    ["delayed", (request) => request.respond(200, delayed(hello, 1))],
    ["throttled", (request) => request.respond(200, throttled(hello, 1_000))],
    ["truncated", (request) => request.respond(200, truncated(request, `${hello}!`, 11), { "Content-Length": 12 })],
  ];
  test.each(faults)("%s works", async (_, callback) => {
    expect(await outcomeOf(callback)).toMatchObject({ content: hello });
  });
});
