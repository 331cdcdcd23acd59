import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { connect as connectTls } from "node:tls";
import { ModuleKind, ScriptTarget, transpileModule } from "typescript";
import { fetch } from "undici";
import { Http200, Http204, type AsyncHttpServerOptions, type Request, type WaitOptions } from "../../lib/index";
import { startTestServer, testCertificate, type TestServer } from "../../lib/testing/index";
import { RawClient } from "../helpers/raw-client";
import { get, post, rejectionOf } from "../helpers/servers";

type Given = Parameters<typeof startTestServer> | [options: AsyncHttpServerOptions];

const started: TestServer[] = [];

async function start(...given: Given): Promise<TestServer> {
  const server = await startTestServer(...(given as Parameters<typeof startTestServer>));
  started.push(server);
  return server;
}

afterEach(async () => {
  await Promise.allSettled(started.splice(0).map((server) => server.close()));
});

test("it listens on a free port of 127.0.0.1", async () => {
  const server = await start();
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9][0-9]*$/);
  expect(server.node.listening).toBe(true);
});

test("a request is awaited and answered", async () => {
  const server = await start();
  const response = fetch(`${server.url}/login`, { method: "POST", body: "{}" });
  const request = await server.acceptRequest();
  expect(request.json()).toEqual({});
  await request.respond(Http200, "welcome");
  expect(await (await response).text()).toBe("welcome");
});

test("a handler serves every request, also after the server listened again", async () => {
  const callback = (request: Request): Promise<void> => request.respond(Http200, request.url.path);
  const server = await start(callback);
  expect(await (await fetch(`${server.url}/a`)).text()).toBe("/a");
  expect(await (await fetch(`${server.url}/b`)).text()).toBe("/b");
  await server.close();
  await server.listen(0);
  void server.serve(callback);
  expect(await (await fetch(`${server.url}/c`)).text()).toBe("/c");
});

test.each<[where: string, given: Given]>([
  ["behind a handler", [() => {}, { maxBody: 1 }]],
  ["without a handler", [undefined, { maxBody: 1 }]],
  ["alone", [{ maxBody: 1 }]],
])("options are taken %s", async (_, given) => {
  const server = await start(...given);
  expect((await fetch(server.url, { method: "POST", body: "12" })).status).toBe(413);
});

test("a bad option is an error, and nothing listens", async () => {
  expect(await rejectionOf(startTestServer({ maxBody: -1 }))).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
});

test("tls makes it an HTTPS server", async () => {
  const server = await start((request) => request.respond(Http200, "safe"), { tls: testCertificate });
  expect(server.url).toMatch(/^https:/);
});

test("await using closes it", async () => {
  let server: TestServer;
  {
    await using scoped = await start();
    server = scoped;
    expect(server.node.listening).toBe(true);
  }
  expect(server.node.listening).toBe(false);
});

describe("requests", () => {
  test("has every request in order, answered or not", async () => {
    const server = await start();
    expect(server.requests).toEqual([]);
    const responses = [];
    for (const path of ["/a", "/b", "/c"]) {
      responses.push(fetch(server.url + path, { method: "PUT", body: path }));
      const request = await server.acceptRequest();
      if (path !== "/b") await request.respond(Http204);
    }
    expect(server.requests.map(({ body }) => body)).toEqual(["/a", "/b", "/c"]);
    const settled = Promise.allSettled(responses);
    await server.close();
    expect(server.requests).toHaveLength(3);
    const outcomes = await settled;
    const answered = outcomes.map((outcome) =>
      outcome.status === "fulfilled" ? outcome.value.status : outcome.reason,
    );
    expect(answered).toEqual([204, 410, 204]);
  });

  test("one whose source has not given its first piece gets 410, and the source is let go of", async () => {
    const server = await start();
    const reply = fetch(server.url);
    const source = new Readable({ read() {} });
    const responded = (await server.acceptRequest()).respond(Http200, source);
    await server.close();
    expect((await reply).status).toBe(410);
    await responded;
    expect(source.destroyed).toBe(true);
  });

  test("one whose 410 Node refuses to send is cut, and its late response dropped", async () => {
    const server = await start();
    // Trailers in front of content of a known length.
    server.node.prependListener("request", (_raw, response) => response.setHeader("Trailer", "x"));
    const reply = fetch(server.url).catch((error: unknown) => error);
    const request = await server.acceptRequest();
    await server.close();
    await request.respond(Http200, "late");
    expect(await reply).toBeInstanceOf(TypeError);
    expect(request.signal.aborted).toBe(true);
  });

  test("has what nobody has accepted", async () => {
    const server = await start();
    const client = await RawClient.connect(server);
    await client.send(get("/a"));
    await once(server.node, "request");
    expect(server.requests.map(({ url }) => url.path)).toEqual(["/a"]);
  });

  test("has no request that is incomplete or refused", async () => {
    const server = await start({ maxBody: 1 });
    await fetch(server.url, { method: "POST", body: "12" });
    const client = await RawClient.connect(server);
    await client.send(post("/", "", 1));
    await once(server.node, "request");
    expect(server.requests).toEqual([]);
  });
});

describe("a failing handler", () => {
  const failure = new Error("expected 1, got 2");

  test("makes close reject, answers 500 and prints nothing", async () => {
    const print = jest.spyOn(process.stderr, "write").mockReturnValue(true);
    try {
      const server = await start(() => {
        throw failure;
      });
      expect((await fetch(server.url)).status).toBe(500);
      expect(await rejectionOf(server.close())).toBe(failure);
      expect(print).not.toHaveBeenCalled();
    } finally {
      print.mockRestore();
    }
  });

  test("goes to onError if there is one", async () => {
    const errors: unknown[] = [];
    const server = await start(() => Promise.reject(failure), { onError: (error) => errors.push(error) });
    await fetch(server.url);
    await server.close();
    expect(errors).toEqual([failure]);
  });
});

describe("a wait", () => {
  const pull = (server: TestServer, wait?: WaitOptions): Promise<unknown> => server.acceptRequest(wait);
  const loop = (server: TestServer, wait?: WaitOptions): Promise<unknown> => server.acceptRequest(() => {}, wait);

  test("lasts 4 s unless it is told otherwise; an iterator's lasts", async () => {
    const server = await start();
    const begun = performance.now();
    const limited = [pull(server), loop(server), pull(server, { timeout: undefined })].map(rejectionOf);
    const unlimited = [pull(server, { timeout: Infinity }), server[Symbol.asyncIterator]().next()];
    for (const error of await Promise.all(limited)) {
      expect(error).toMatchObject({ name: "TimeoutError", code: "ERR_ACCEPT_TIMEOUT" });
      expect(error.message).toContain("no request arrived within 4000 ms");
    }
    expect(performance.now() - begun).toBeGreaterThan(3_990);
    const clients = await Promise.all(unlimited.map(() => RawClient.connect(server)));
    await Promise.all(clients.map((client) => client.send(get())));
    expect(await Promise.all(unlimited)).toHaveLength(2);
  });

  test.each([
    ["pull form", pull],
    ["handler form", loop],
  ])("ends in the %s as it is told", async (_, accept) => {
    const server = await start();
    expect((await rejectionOf(accept(server, { timeout: 20 }))).message).toContain("within 20 ms");
    const reason = new Error("enough");
    expect(await rejectionOf(accept(server, { signal: AbortSignal.abort(reason) }))).toBe(reason);
  });
});

describe("a server that is never closed ends with its process", () => {
  /** Tells what it sees, line by line, and has nothing to do once its standard input ends. */
  const program = `
    const { startTestServer, testCertificate } = require(process.argv[1]);
    const answer = (request) => {
      if (request.url.path === "/answered") return request.respond(200).then(() => console.log("answered"));
      console.log("unanswered");
    };
    startTestServer(answer, process.argv[2] === "tls" ? { tls: testCertificate } : {}).then((server) => {
      console.log(String(server.getPort()));
      server.node.on("connection", () => console.log("connection"));
      server.node.prependListener("request", () => console.log("request"));
      process.stdin.resume();
    });
  `;
  const lib = join(__dirname, "../../lib");
  const compiled = mkdtempSync(join(tmpdir(), "testing-"));

  beforeAll(() => {
    const compilerOptions = { module: ModuleKind.CommonJS, target: ScriptTarget.ES2022 };
    for (const file of readdirSync(lib, { recursive: true, encoding: "utf8" })) {
      if (!file.endsWith(".ts")) continue;
      const { outputText } = transpileModule(readFileSync(join(lib, file), "utf8"), { compilerOptions });
      const target = join(compiled, file.replace(/ts$/, "js"));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, outputText);
    }
  });
  afterAll(() => rmSync(compiled, { recursive: true }));

  test.each([
    ["without a client", "http", undefined, []],
    ["with a client that sends nothing", "http", "", ["connection"]],
    ["with a client in the middle of a head", "http", get().slice(0, -2), ["connection"]],
    ["with a client in the middle of a body", "http", post("/", "half", 10), ["connection", "request"]],
    ["with a client that waits for its response", "http", get("/a"), ["connection", "request", "unanswered"]],
    ["with a client that stays after its response", "http", get("/answered"), ["connection", "request", "answered"]],
    ["with a client in the middle of a body over TLS", "tls", post("/", "half", 10), ["connection", "request"]],
  ])("%s", async (_, scheme, bytes, expected) => {
    // A process that does not end by itself is ended, and its exit is another one than expected.
    const child = spawn(process.execPath, ["-e", program, join(compiled, "testing"), scheme], {
      stdio: ["pipe", "pipe", "inherit"],
      timeout: 4_000,
    });
    const exit = once(child, "exit");
    try {
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const port = Number((await lines.next()).value);
      const seen = [];
      const options = { host: "127.0.0.1", port, ca: testCertificate.cert };
      const client = bytes === undefined ? undefined : scheme === "tls" ? connectTls(options) : connect(options);
      client?.on("error", () => {}).write(bytes!);
      while (seen.length < expected.length) seen.push((await lines.next()).value);
      expect(seen).toEqual(expected);
      child.stdin.end();
      expect(await exit).toEqual([0, null]);
      client?.destroy();
    } finally {
      child.kill();
    }
  });
});

test.each<[name: string, read: (request: Request) => Promise<unknown>]>([
  ["readBody", (request) => request.readBody()],
  ["bodyStream", (request) => request.bodyStream.toArray()],
  ["raw", (request) => request.raw.toArray()],
])("close fails what a handler still waits for of a streamed body: %s", async (_name, read) => {
  const server = await start({ stream: true });
  const client = await RawClient.connect(server);
  await client.send(post("/", "0123", 10));
  const reading = rejectionOf(read(await server.acceptRequest()));
  await server.close();
  expect(await reading).toMatchObject({ code: "ERR_CLIENT_DISCONNECTED" });
});

test("a request is answered from `requests`: nobody is handed it any more", async () => {
  const server = await start();
  const reply = fetch(`${server.url}/first`);
  while (server.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await server.requests[0]!.respond(Http200, "from requests");
  expect(await (await reply).text()).toBe("from requests");
  const second = fetch(`${server.url}/second`);
  const request = await server.acceptRequest({ while: second });
  expect(request.url.path).toBe("/second");
  await request.respond(Http204);
  await second;
});

test("an error in the response to a request that nobody was handed fails close", async () => {
  const server = await start();
  const reply = fetch(server.url);
  while (server.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  void server.requests[0]!.respond(999);
  expect((await reply).status).toBe(500);
  expect(await rejectionOf(server.close())).toMatchObject({ code: "ERR_INVALID_STATUS" });
});
