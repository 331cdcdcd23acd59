import { text } from "node:stream/consumers";
import { connect } from "node:tls";
import { checkOptions, checkWait, invalid } from "../lib/options";
import { newAsyncHttpServer, type AsyncHttpServer, type AsyncHttpServerOptions } from "../lib/index";
import { canReusePort } from "./helpers/node-version";
import { RawClient } from "./helpers/raw-client";
import { shown } from "../lib/errors";
import { startTestServer, testCertificate, useTestServer } from "../lib/testing";
import { echo, makeServer, startServer, startServing, thrownBy } from "./helpers/servers";

/** Runs with another version of Node than this one. */
function onNode(version: string, action: () => void): void {
  const real = Object.getOwnPropertyDescriptor(process, "versions")!;
  Object.defineProperty(process, "versions", { configurable: true, value: { ...process.versions, node: version } });
  try {
    action();
  } finally {
    Object.defineProperty(process, "versions", real);
  }
}

describe("newAsyncHttpServer", () => {
  test.each<[options: object | undefined]>([
    [undefined],
    [{}],
    [{ reuseAddr: true, reusePort: false }],
    [{ reuseAddr: undefined, reusePort: undefined, maxBody: undefined, onError: undefined, http: undefined }],
    [{ maxBody: 0 }],
    [{ maxBody: Number.MAX_SAFE_INTEGER }],
    [{ http: { keepAliveTimeout: 1 } }],
    [{ onError: () => {} }],
  ])("takes %p", (options) => {
    expect(newAsyncHttpServer(options).node.listening).toBe(false);
  });

  test.each<[options: unknown, error: ErrorConstructor, code: string, message: string]>([
    [8080, TypeError, "ERR_INVALID_ARGUMENT", "the options of a server must be an object; got 8080"],
    [null, TypeError, "ERR_INVALID_ARGUMENT", "got null"],
    [{ reuseAddr: false }, Error, "ERR_UNSUPPORTED", "SO_REUSEADDR"],
    [{ maxBody: -1 }, RangeError, "ERR_INVALID_ARGUMENT", "got -1"],
    [{ maxBody: 1.5 }, RangeError, "ERR_INVALID_ARGUMENT", "got 1.5"],
    [{ maxBody: NaN }, RangeError, "ERR_INVALID_ARGUMENT", "got NaN"],
    [{ maxBody: "8mb" }, RangeError, "ERR_INVALID_ARGUMENT", 'got "8mb"'],
    [{ maxBody: null }, RangeError, "ERR_INVALID_ARGUMENT", "got null"],
    [{ reusePort: "yes" }, TypeError, "ERR_INVALID_ARGUMENT", 'reusePort must be true or false; got "yes"'],
    [{ stream: 1 }, TypeError, "ERR_INVALID_ARGUMENT", "stream must be true or false; got 1"],
    [{ tls: true }, TypeError, "ERR_INVALID_ARGUMENT", "tls must be an object with options of node:https; got true"],
    [{ http: "x" }, TypeError, "ERR_INVALID_ARGUMENT", 'http must be an object with options of node:http; got "x"'],
    [{ http: null }, TypeError, "ERR_INVALID_ARGUMENT", "got null"],
    [{ onError: "console" }, TypeError, "ERR_INVALID_ARGUMENT", 'got "console"'],
    [{ http: { IncomingMessage: class {} } }, TypeError, "ERR_INVALID_ARGUMENT", "http.IncomingMessage"],
    [{ tls: { IncomingMessage: class {} } }, TypeError, "ERR_INVALID_ARGUMENT", "tls.IncomingMessage"],
    [{ http: { ServerResponse: class {} } }, TypeError, "ERR_INVALID_ARGUMENT", "http.ServerResponse"],
  ])("refuses %p", (options, kind, code, message) => {
    const error = thrownBy(() => newAsyncHttpServer(options as AsyncHttpServerOptions));
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(message);
  });
});

describe("reusePort", () => {
  test.each<[version: string, can: boolean]>([
    ["20.19.5", false],
    ["22.11.0", false],
    ["22.12.0", true],
    ["22.20.1", true],
    ["23.0.0", false],
    ["23.1.0", true],
    ["24.0.0", true],
    ["26.0.0", true],
  ])("on Node %s: %p", (version, can) => {
    onNode(version, () => {
      const check = (): void => checkOptions({ reusePort: true });
      if (can) expect(check).not.toThrow();
      else
        expect(thrownBy(check)).toMatchObject({
          code: "ERR_UNSUPPORTED",
          message: expect.stringContaining(version) as string,
        });
    });
  });

  test("two servers share a port where this Node can do it, else it is a clear error", async () => {
    if (!canReusePort) {
      expect(thrownBy(() => newAsyncHttpServer({ reusePort: true }))).toMatchObject({ code: "ERR_UNSUPPORTED" });
      return;
    }
    const first = await startServing(echo, { reusePort: true });
    const second = makeServer({ reusePort: true });
    await second.listen(first.getPort());
    await first.close();
    void second.serve(echo);
    expect(await (await fetch(`${second.url}/second`)).text()).toBe("/second|");
  });
});

describe("http options", () => {
  test("are handed to Node, on top of our own defaults", () => {
    const { node } = newAsyncHttpServer({ http: { headersTimeout: 1_234 } });
    expect([node.headersTimeout, node.keepAliveTimeout]).toEqual([1_234, 65_000]);
    expect(newAsyncHttpServer({ http: { keepAliveTimeout: 7 } }).node.keepAliveTimeout).toBe(7);
  });

  test("that are undefined leave the defaults as they are", () => {
    const options = { http: { keepAliveTimeout: undefined }, tls: { keepAlive: undefined } };
    expect(newAsyncHttpServer(options as unknown as AsyncHttpServerOptions).node.keepAliveTimeout).toBe(65_000);
  });

  test("given with tls count as well, but for those that the server needs itself", async () => {
    const server = await startServing(echo, {
      tls: { ...testCertificate, maxHeaderSize: 65_536, requireHostHeader: true },
    });
    const client = connect({ port: server.getPort(), host: "127.0.0.1", rejectUnauthorized: false });
    client.write(`GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\n\r\n`);
    const received = await text(client);
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 400"]);
    expect(received).toMatch(/\r\n\r\n400 Bad Request$/);
  });

  test("maxHeaderSize is Node's", async () => {
    const server = await startServing(echo, { http: { maxHeaderSize: 200 } });
    const fits = await fetch(server.url);
    expect(fits.status).toBe(200);
    const exceeds = await fetch(server.url, { headers: { "x-long": "v".repeat(300) } });
    expect(exceeds.status).toBe(431);
  });

  test("Node's own check of Host stays off, whose response would not be ours", async () => {
    const server = await startServing(echo, { http: { requireHostHeader: true } });
    const client = await RawClient.connect(server);
    await client.send("GET / HTTP/1.1\r\n\r\n");
    expect((await client.end()).map(({ body }) => body.toString())).toEqual(["400 Bad Request"]);
  });
});

describe("checkWait", () => {
  test.each<[wait: object]>([
    [{}],
    [{ timeout: 0 }],
    [{ timeout: 0.5 }],
    [{ timeout: 2 ** 31 - 1 }],
    [{ timeout: Infinity }],
    [{ timeout: undefined, signal: undefined }],
    [{ signal: new AbortController().signal }],
  ])("takes %p", (wait) => {
    expect(() => checkWait(wait)).not.toThrow();
  });

  test.each<[wait: object]>([
    [{ timeout: -0.5 }],
    [{ timeout: 2 ** 31 }],
    [{ timeout: -Infinity }],
    [{ timeout: NaN }],
  ])("refuses %p", (wait) => {
    expect(thrownBy(() => checkWait(wait))).toMatchObject({ name: "RangeError", code: "ERR_INVALID_ARGUMENT" });
  });

  test.each<[wait: unknown]>([[5000], [null], ["5s"]])("refuses %p, which is no object", async (wait) => {
    const refusal = {
      name: "TypeError",
      code: "ERR_INVALID_ARGUMENT",
      message: `the options of acceptRequest must be an object; got ${JSON.stringify(wait)}`,
    };
    for (const server of [await startServer(), await startTestServer()]) {
      await expect(server.acceptRequest(wait as object)).rejects.toMatchObject(refusal);
      await server.close();
    }
  });
});

test.each<[value: unknown, shown: string]>([
  [-1, "-1"],
  ["200", '"200"'],
  [200, "200"],
  [undefined, "undefined"],
  [null, "null"],
  [{ secret: 1 }, "an object"],
  [Symbol("s"), "Symbol(s)"],
])("invalid shows %p as %s", (value, shown) => {
  expect(invalid(TypeError, "no good", value)).toMatchObject({ message: `no good; got ${shown}` });
});

describe("an option that nobody knows is an error that names it, and those that are known", () => {
  test.each<[what: string, make: () => unknown, message: string]>([
    [
      "newAsyncHttpServer",
      () => newAsyncHttpServer({ maxbody: 1 } as object),
      'a server has no option "maxbody", it has reuseAddr, reusePort, maxBody, stream, http, tls, onError',
    ],
    [
      "useTestServer",
      () => useTestServer({ hook: {} } as object),
      'a server has no option "hook", it has reuseAddr, reusePort, maxBody, stream, http, tls, onError, hooks',
    ],
  ])("%s", (_what, make, message) => {
    expect(thrownBy(make as () => void)).toMatchObject({ name: "TypeError", code: "ERR_INVALID_ARGUMENT", message });
  });

  test.each<[what: string, call: (server: AsyncHttpServer) => Promise<unknown>, message: string]>([
    [
      "startTestServer",
      () => startTestServer({ port: 1 } as object),
      'a server has no option "port", it has reuseAddr, reusePort, maxBody, stream, http, tls, onError',
    ],
    [
      "acceptRequest",
      (server) => server.acceptRequest({ timeOut: 1 } as object),
      'acceptRequest has no option "timeOut", it has timeout, signal, where, while',
    ],
    [
      "acceptRequest with a callback",
      (server) => server.acceptRequest(() => {}, { when: 1 } as object),
      'acceptRequest has no option "when", it has timeout, signal, where, while',
    ],
    [
      "close",
      (server) => server.close({ gracePeriod: 1 } as object),
      'close has no option "gracePeriod", it has grace',
    ],
  ])("%s", async (_what, call, message) => {
    const server = await startServer();
    await expect(call(server)).rejects.toMatchObject({ name: "TypeError", code: "ERR_INVALID_ARGUMENT", message });
  });
});

test.each<[wait: unknown, message: string]>([
  [{ where: /orders/ }, "where must be a function that is given a request and returns a boolean; got a RegExp"],
  [{ where: null }, "where must be a function that is given a request and returns a boolean; got null"],
  [{ while: true }, "while must be a promise, such as that of the client; got true"],
  [{ while: () => {} }, "while must be a promise, such as that of the client; got a function"],
  [{ timeout: "200" }, 'timeout must be a number of milliseconds; got "200"'],
  [{ timeout: -200 }, "timeout must be from 0 to 2147483647 milliseconds, or Infinity; got -200"],
  [{ signal: null }, "signal must be an AbortSignal; got null"],
])("checkWait refuses %p and shows it", (wait, message) => {
  expect(thrownBy(() => checkWait(wait as object))).toMatchObject({ code: "ERR_INVALID_ARGUMENT", message });
});

test.each<[value: unknown, text: string]>([
  ["200", '"200"'],
  [200, "200"],
  [200n, "200n"],
  [-0, "-0"],
  [null, "null"],
  ["null", '"null"'],
  [undefined, "undefined"],
  [[], "an Array"],
  [new Date(0), "a Date"],
  [Promise.resolve(), "a Promise"],
  [{ secret: 1 }, "an object"],
  [class {}, "a function"],
  ["x".repeat(101), `"${"x".repeat(100)}"… (101 characters)`],
  [Object.create(null), "an object"],
])("an error shows %p as %s", (value, text) => {
  expect(shown(value)).toBe(text);
});

test("an error shows what cannot be looked at as an object", () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  expect(shown(proxy)).toBe("an object");
});
