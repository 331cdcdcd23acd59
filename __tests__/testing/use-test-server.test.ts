import { once } from "node:events";
import { useTestServer, type TestHooks, type TestServer } from "../../lib/testing/index";
import type { RawClient } from "../helpers/raw-client";
import { deferred, get, rejectionOf, send, thrownBy } from "../helpers/servers";

/** A runner that runs its hooks when it is told to. */
class Runner implements TestHooks {
  readonly #before: Array<() => Promise<void>> = [];
  readonly #after: Array<() => Promise<void>> = [];
  readonly beforeEach = (run: () => Promise<void>): void => void this.#before.push(run);
  readonly afterEach = (run: () => Promise<void>): void => void this.#after.push(run);

  async start(): Promise<void> {
    for (const run of this.#before) await run();
  }

  async end(): Promise<void> {
    for (const run of this.#after) await run();
  }

  /** Runs a test that passes. */
  async pass(test: () => unknown): Promise<void> {
    const [error] = await this.run(test);
    if (error !== undefined) throw error;
  }

  /** What a test comes to, with the errors of its hooks. */
  async run(test: () => unknown): Promise<unknown[]> {
    const errors: unknown[] = [];
    await this.start();
    await Promise.resolve()
      .then(test)
      .catch((error: unknown) => errors.push(error));
    await this.end().catch((error: unknown) => errors.push(error));
    return errors;
  }
}

describe("with the globals of the runner", () => {
  const server = useTestServer((request) => request.respond(200, request.url.path));
  const urls = new Set<string>();

  test.each([1, 2])("each test has a fresh server (%i)", async () => {
    expect(server.requests).toEqual([]);
    expect(await (await fetch(`${server.url}/a`)).text()).toBe("/a");
    expect(server.requests).toHaveLength(1);
    expect(urls).not.toContain(server.url);
    urls.add(server.url);
  });

  test("a wait beside the callback takes its request, which the test answers", async () => {
    const reply = fetch(`${server.url}/b`);
    const request = await server.acceptRequest({ while: reply, where: ({ url }) => url.path === "/b" });
    await request.respond(201);
    expect((await reply).status).toBe(201);
  });
});

describe("the stand-in", () => {
  test("is the server of the test that runs, in every way", async () => {
    const runner = new Runner();
    const server = useTestServer({ hooks: runner });
    let closed: TestServer["node"];
    expect(
      await runner.run(async () => {
        const reply = fetch(server.url);
        const { requests } = server;
        await (await server.acceptRequest()).respond(204);
        expect((await reply).status).toBe(204);
        expect(requests).toHaveLength(1);
        expect(server.node.listening).toBe(true);
        expect(server.getPort()).toBeGreaterThan(0);
        expect(Object.keys(server)).toContain("requests");
        expect("requests" in server).toBe(true);
        await server.reset();
        void server.serve((request) => request.respond(200));
        expect((await fetch(server.url)).status).toBe(200);
        closed = server.node;
      }),
    ).toEqual([]);
    expect(closed!.listening).toBe(false);
  });

  test("can be iterated, and spied on", async () => {
    const runner = new Runner();
    const server = useTestServer({ hooks: runner });
    await runner.pass(async () => {
      const reply = fetch(server.url);
      for await (const request of server) {
        await request.respond(204);
        break;
      }
      expect((await reply).status).toBe(204);
      const spy = jest.spyOn(server, "getPort").mockReturnValue(1);
      expect(server.getPort()).toBe(1);
      expect(server.getPort).toHaveBeenCalledTimes(1);
      expect(server.getPort).toBe(spy);
      spy.mockRestore();
      expect(server.getPort()).toBeGreaterThan(1);
      const url = jest.spyOn(server, "url", "get").mockReturnValue("http://mocked");
      expect(server.url).toBe("http://mocked");
      url.mockRestore();
      expect(server.url).toMatch(/^http:\/\/127/);
      const called = jest.spyOn(server, "getPort");
      expect(server.getPort()).toBeGreaterThan(1);
      expect(called).toHaveBeenCalledTimes(1);
      jest.restoreAllMocks();
      expect(jest.isMockFunction(server.getPort)).toBe(false);
    });
  });

  test("still has what came when later hooks look at it", async () => {
    const runner = new Runner();
    const server = useTestServer((request) => request.respond(200), { hooks: runner });
    runner.afterEach(async () => {
      expect(server.requests.map(({ url }) => url.path)).toEqual(["/a"]);
    });
    expect(await runner.run(() => fetch(`${server.url}/a`))).toEqual([]);
  });

  test("says so where there is no test yet, with the line that asked", () => {
    const server = useTestServer({ hooks: new Runner() });
    const error = thrownBy(function asks() {
      return server.url;
    });
    expect(error).toMatchObject({
      code: "ERR_SERVER_NOT_LISTENING",
      message: expect.stringMatching(/^there is no server yet/) as string,
    });
    expect(error.stack).toMatch(/\n {4}at (?:Proxy\.)?asks \(/);
  });

  test("can be awaited and printed where there is no test yet", async () => {
    const server = useTestServer({ hooks: new Runner() });
    expect(await Promise.resolve(server)).toBe(server);
    expect(String((server as unknown as Record<string, unknown>).then)).toBe("undefined");
    expect(() => require("node:util").inspect(server) as string).not.toThrow();
  });
});

describe("hooks", () => {
  test("that are no hooks are an error", () => {
    expect(thrownBy(() => useTestServer({ hooks: {} as TestHooks }))).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
  });

  test("that are nowhere are an error with the line that called, which says what to write", () => {
    const globals = globalThis as { beforeEach?: unknown };
    const real = globals.beforeEach;
    globals.beforeEach = undefined;
    let error: Error;
    try {
      error = thrownBy(function calls() {
        return useTestServer();
      });
    } finally {
      globals.beforeEach = real;
    }
    expect(error).toMatchObject({
      code: "ERR_NO_TEST_HOOKS",
      message: expect.stringContaining("hooks: { beforeEach, afterEach }") as string,
    });
    expect(error.stack).toMatch(/^Error: useTestServer found[^\n]*\n {4}at calls \(/);
  });

  test("of tests that run side by side are an error", async () => {
    const runner = new Runner();
    useTestServer({ hooks: runner });
    await runner.start();
    expect((await rejectionOf(runner.start())).message).toContain("call startTestServer");
    await runner.end();
  });
});

describe("a test that fails", () => {
  const failure = new Error("the test's own");

  test("before it has answered: the client gets 410 and what it means, at once", async () => {
    const runner = new Runner();
    const server = useTestServer({ hooks: runner });
    let reply: Promise<Response>;
    const errors = await runner.run(async () => {
      reply = fetch(`${server.url}/login`);
      await server.acceptRequest({ while: reply });
      throw failure;
    });
    expect(errors).toEqual([failure]);
    const response = await reply!;
    expect(response.status).toBe(410);
    expect(await response.text()).toMatch(/^The test ended before this request was answered/);
  });

  test.each<[what: string, bytes: string, expected: string]>([
    ["a request that nobody has accepted", get("/a"), "410"],
    ["a request whose body is not whole", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf", "410"],
    [
      "a request whose body has not begun",
      "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
      "410",
    ],
    ["an upgrade request", get("/a", "Connection: upgrade", "Upgrade: websocket"), "410"],
    ["the first of a pipeline", get("/a") + get("/b"), "410"],
    ["half a head", "GET /a HTTP/1.1\r\nHo", ""],
  ])("with %s", async (_what, bytes, expected) => {
    const runner = new Runner();
    const server = useTestServer({ hooks: runner });
    let client: RawClient;
    await runner.pass(async () => {
      client = await send(server, bytes);
      while (!server.node.listening) await once(server.node, "listening");
    });
    const replies = await client!.end();
    expect(replies.map(({ status }) => status).join()).toBe(expected);
  });

  test("a callback that answers after that is no failure", async () => {
    const runner = new Runner();
    const gate = deferred();
    const answered: Array<Promise<void>> = [];
    const server = useTestServer(
      async (request) => {
        await gate.promise;
        const answer = request.respond(200, "late");
        answered.push(answer);
        await answer;
      },
      { hooks: runner },
    );
    const reply: Array<Promise<Response>> = [];
    const errors = await runner.run(async () => {
      reply.push(fetch(server.url));
      while (server.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    });
    expect(errors).toEqual([]);
    expect((await reply[0]!).status).toBe(410);
    gate.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    await expect(answered[0]).resolves.toBeUndefined();
  });

  test("with the error of a callback, it has both", async () => {
    const runner = new Runner();
    const inCallback = new Error("the callback's own");
    const server = useTestServer(() => Promise.reject(inCallback), { hooks: runner });
    const errors = await runner.run(async () => {
      await fetch(server.url);
      throw failure;
    });
    expect(errors).toEqual([failure, inCallback]);
  });

  test("close takes milliseconds", async () => {
    const runner = new Runner();
    const server = useTestServer({ hooks: runner });
    await runner.start();
    const clients = await Promise.all(Array.from({ length: 20 }, (_, i) => send(server, get(`/${i}`))));
    const begun = performance.now();
    await runner.end();
    expect(performance.now() - begun).toBeLessThan(2_000);
    const replies = await Promise.all(clients.map((client) => client.end()));
    expect(replies.map((all) => all.map(({ status }) => status))).toEqual(clients.map(() => [410]));
  });
});
