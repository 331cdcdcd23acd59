import { Caller, withCode } from "../errors";
import { checkOptions, invalid, type AsyncHttpServerOptions } from "../options";
import type { RequestCallback } from "../request";
import { startTestServer, TestServer } from "./test-server";

/** The functions of a test runner that run something before and after each test. */
export interface TestHooks {
  /** Runs a function before each test, and waits for it. */
  beforeEach(run: () => Promise<void>): unknown;
  /** Runs a function after each test, failed ones too, and waits for it. */
  afterEach(run: () => Promise<void>): unknown;
}

/** What the server of each test is made with. */
export interface UseTestServerOptions extends AsyncHttpServerOptions {
  /**
   * `{ beforeEach, afterEach }` of `@jest/globals`, Vitest, `node:test`.
   *
   * Default: the globals of these names, as Jest and Mocha have them.
   */
  readonly hooks?: TestHooks | undefined;
}

/**
 * A server for each test: it is started before each one, on a free port of 127.0.0.1, and closed after it.
 *
 * Call it at the top of a file or of a `describe`. What it gives stands for the server of the test that is running, so
 * `url` is another one in each; outside of tests there is none. A handler's failed `expect` fails its test; a test that
 * fails before its client has a response ends at once all the same, and the client gets 410.
 *
 * @param callback is given every request; without it, ask for them with `acceptRequest`
 * @param options as for `newAsyncHttpServer`, and `hooks`
 * @returns the server of the test that is running
 * @throws Error `ERR_NO_TEST_HOOKS`, and what `newAsyncHttpServer` throws
 *
 * @example
 * import { useTestServer } from "asynchttpserver/testing";
 * import assert from "node:assert";
 *
 * const server = useTestServer();
 *
 * test("the client logs in", async () => {
 *   const reply = fetch(`${server.url}/login`, { method: "POST", body: "ann" });
 *   const request = await server.acceptRequest({ while: reply });
 *   assert.equal(request.url.path, "/login");
 *   await request.respond(200, "welcome");
 *   assert.equal(await (await reply).text(), "welcome");
 * });
 */
export function useTestServer(options: UseTestServerOptions): TestServer;
/**
 * Gives every test of a file, or of a `describe`, a server of its own; without a handler, requests wait for `acceptRequest`.
 *
 * @param callback is given every request
 * @param options as for `newAsyncHttpServer`, and `hooks`
 */
export function useTestServer(callback?: RequestCallback, options?: UseTestServerOptions): TestServer;
export function useTestServer(
  first?: RequestCallback | UseTestServerOptions,
  second?: UseTestServerOptions,
): TestServer {
  const [callback, options = {}] = typeof first === "function" ? [first, second] : [undefined, first ?? second];
  const { hooks, ...rest } = options;
  try {
    checkOptions(options, ["hooks"]);
  } catch (error) {
    throw new Caller(useTestServer).blame(error as Error);
  }
  const { beforeEach, afterEach } = hooksOf(hooks);
  let server: TestServer | undefined;
  beforeEach(async () => {
    if (server?.node.listening === true) {
      throw new Error("useTestServer has one server at a time: in tests that run side by side, call startTestServer");
    }
    server = callback === undefined ? await startTestServer(rest) : await startTestServer(callback, rest);
  });
  afterEach(async () => {
    // A client that was called just before the test failed gets to connect, and a response instead of a refusal.
    await server?.quiet();
    try {
      await server?.close();
    } finally {
      // One that fails because of that has failed within this test, not within the next.
      await server?.quiet();
    }
  });
  return standIn(() => server);
}

function hooksOf(given: TestHooks | undefined): TestHooks {
  const hooks = given ?? (globalThis as unknown as Partial<TestHooks>);
  const { beforeEach, afterEach } = hooks;
  if (typeof beforeEach === "function" && typeof afterEach === "function") return { beforeEach, afterEach };
  if (given !== undefined)
    throw invalid(TypeError, "hooks must be { beforeEach, afterEach } of the test runner", given);
  const error = new Error(
    "useTestServer found no beforeEach and afterEach: give it those of your test runner, as in " +
      'import { beforeEach, afterEach } from "vitest" (or "node:test", "@jest/globals"); ' +
      "useTestServer({ hooks: { beforeEach, afterEach } })",
  );
  throw new Caller(useTestServer).blame(withCode("ERR_NO_TEST_HOOKS", error));
}

const NO_SERVER =
  "there is no server yet: useTestServer starts one before each test, so use it in tests and in beforeEach; " +
  "in beforeAll, or in test.concurrent, call startTestServer";

/** An object that is, at any time, the server of the test that is running. */
function standIn(current: () => TestServer | undefined): TestServer {
  const nobody = Object.create(TestServer.prototype) as TestServer;
  const known = new Set<string | symbol>(["node", "requests"]);
  for (let proto: object = nobody; proto !== Object.prototype; proto = Object.getPrototypeOf(proto) as object) {
    for (const name of Reflect.ownKeys(proto)) if (name !== "constructor") known.add(name);
  }

  function get(_target: TestServer, name: string | symbol): unknown {
    const server = current();
    if (server === undefined) {
      // Code that awaits, prints or compares it asks for names that no server has.
      if (!known.has(name)) return Reflect.get(nobody, name);
      const error = new Error(NO_SERVER);
      throw new Caller(get).blame(withCode("ERR_SERVER_NOT_LISTENING", error));
    }
    const value: unknown = Reflect.get(server, name, server);
    // What the server has itself is a spy of the test's, which has to stay what it is.
    const isMethod = typeof value === "function" && name !== "constructor" && !Object.hasOwn(server, name);
    return isMethod ? value.bind(server) : value;
  }

  return new Proxy(nobody, {
    get,
    set: (_target, name, value) => Reflect.set(current() ?? nobody, name, value),
    defineProperty: (_target, name, descriptor) => Reflect.defineProperty(current() ?? nobody, name, descriptor),
    deleteProperty: (_target, name) => Reflect.deleteProperty(current() ?? nobody, name),
    has: (_target, name) => Reflect.has(current() ?? nobody, name),
    ownKeys: () => Reflect.ownKeys(current() ?? nobody),
    getOwnPropertyDescriptor: (_target, name) => {
      const descriptor = Reflect.getOwnPropertyDescriptor(current() ?? nobody, name);
      // A stand-in may not claim to have what it has not itself, unless that can go away.
      return descriptor === undefined ? undefined : { ...descriptor, configurable: true };
    },
  });
}
