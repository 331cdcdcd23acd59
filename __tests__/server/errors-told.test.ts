import type { AsyncHttpServer, AsyncHttpServerOptions, Request } from "../../lib/index";
import { startTestServer } from "../../lib/testing/index";
import { startProgram } from "../helpers/docs-examples";
import { deferred, get, rejectionOf, send, settle, startServer } from "../helpers/servers";
import { keepStderr } from "../helpers/stderr";

jest.setTimeout(20_000);

const printed = keepStderr();

const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", note);
});
afterEach(() => {
  process.removeListener("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

function throws(): never {
  throw new Error("from a getter");
}

/** Things that may be thrown, made anew for each test. */
const things: ReadonlyArray<[what: string, make: () => unknown]> = [
  ["undefined", () => undefined],
  ["null", () => null],
  ["a symbol", () => Symbol("s")],
  ["an object without a prototype", () => Object.create(null) as unknown],
  ["a frozen error", () => Object.freeze(new Error("frozen"))],
  [
    "a revoked proxy",
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return proxy;
    },
  ],
  [
    "a proxy that refuses everything",
    () => new Proxy({}, { get: throws, has: throws, getPrototypeOf: throws, ownKeys: throws }),
  ],
  ["an error whose stack throws", () => Object.defineProperty(new Error("x"), "stack", { get: throws })],
  ["an error whose message throws", () => Object.defineProperty(new Error("x"), "message", { get: throws })],
  ["an error whose name throws", () => Object.defineProperty(new Error("x"), "name", { get: throws })],
  [
    "an error whose cause throws",
    () => Object.defineProperty(new Error("x"), "cause", { get: throws, enumerable: true }),
  ],
  [
    "an error that is its own cause",
    () => {
      const error = new Error("round");
      error.cause = error;
      return error;
    },
  ],
  [
    "an error with a method to show it that throws",
    () => Object.assign(new Error("x"), { [Symbol.for("nodejs.util.inspect.custom")]: throws }),
  ],
];

/** Ways for a callback to fail with a thing. */
const ways: ReadonlyArray<[way: string, fail: (thing: unknown) => unknown]> = [
  [
    "thrown",
    (thing) => {
      throw thing;
    },
  ],
  ["rejected", (thing) => Promise.reject(thing)],
];
const rows = things.flatMap(([what, make]) => ways.map(([way, fail]) => ({ what, make, way, fail })));

describe.each(rows)("$what, $way", ({ make, fail }) => {
  test("under serve is told on stderr, once, and close does not reject", async () => {
    const server = await startServer();
    const thing = make();
    void server.serve((request) => (request.url.path === "/ok" ? request.respond(200) : fail(thing)));
    const [reply] = await (await send(server)).end();
    expect(reply?.status).toBe(500);
    expect(printed.text.match(/^asynchttpserver: the handler failed for GET \/$/gm)).toHaveLength(1);
    expect((await (await send(server, get("/ok"))).read(1))[0]?.status).toBe(200);
    await server.close();
    expect(printed.text.match(/the handler failed/g)).toHaveLength(1);
  });

  test("in a loop is told to the loop, once", async () => {
    const server = await startServer();
    const thing = make();
    const client = await send(server);
    await server.acceptRequest(() => fail(thing));
    expect((await client.end())[0]?.status).toBe(500);
    const told = await server
      .acceptRequest(() => {})
      .then(
        () => "nothing",
        (error: unknown) => [error],
      );
    expect((told as unknown[])[0] === thing).toBe(true);
    await server.close();
    expect(printed.text).toBe("");
  });

  test("in a test is told to close, once, and not printed", async () => {
    const thing = make();
    const server = await startTestServer(() => fail(thing));
    expect((await (await send(server)).end())[0]?.status).toBe(500);
    const told = await server.close().then(
      () => "nothing",
      (error: unknown) => [error],
    );
    expect((told as unknown[])[0] === thing).toBe(true);
    await server.close();
    expect(printed.text).toBe("");
  });
});

test("where stacks cannot be formatted, errors are told all the same", async () => {
  const real = Error.prepareStackTrace;
  const server = await startServer();
  void server.serve(() => {
    throw new Error("no database");
  });
  Error.prepareStackTrace = () => {
    throw new TypeError("bad source map");
  };
  try {
    expect((await (await send(server)).end())[0]?.status).toBe(500);
  } finally {
    Error.prepareStackTrace = real;
  }
  expect(printed.text).toContain("no database");
});

describe("a thenable that misbehaves counts as one failure", () => {
  const failure = new Error("the callback failed");
  const thenables: ReadonlyArray<[what: string, thenable: unknown]> = [
    [
      "it calls back twice",
      {
        then(_: unknown, reject: (error: unknown) => void) {
          reject(failure);
          reject(failure);
        },
      },
    ],
    [
      "it calls back and throws",
      {
        then(_: unknown, reject: (error: unknown) => void) {
          reject(failure);
          throw new Error("again");
        },
      },
    ],
    [
      "it is fulfilled with a promise that is rejected",
      {
        then(resolve: (value: unknown) => void) {
          resolve(Promise.reject(failure));
        },
      },
    ],
    [
      "asking for its then throws",
      {
        get then(): never {
          throw failure;
        },
      },
    ],
  ];

  test.each(thenables)("%s", async (_what, thenable) => {
    const told: unknown[] = [];
    const server = await startServer({ onError: (error) => told.push(error) });
    void server.serve(() => thenable);
    expect((await (await send(server)).end())[0]?.status).toBe(500);
    await settle(server);
    expect(told).toEqual([failure]);
  });
});

describe("a respond that is rejected and not awaited", () => {
  const forget = (request: Request): void => void request.respond(200, "x", { "bad name": "v" });

  /** How a server is made and asked, and where the error then is. */
  const places: ReadonlyArray<[place: string, told: (options: AsyncHttpServerOptions) => Promise<readonly unknown[]>]> =
    [
      [
        "onError",
        async () => {
          const errors: unknown[] = [];
          const server = await startServer({ onError: (error) => errors.push(error) });
          void server.serve(forget);
          await (await send(server)).end();
          return errors;
        },
      ],
      [
        "stderr under serve",
        async () => {
          const server = await startServer();
          void server.serve(forget);
          await (await send(server)).end();
          return printed.text.match(/ERR_INVALID_HEADER/) ?? [];
        },
      ],
      [
        "the loop",
        async () => {
          const server = await startServer();
          const client = await send(server);
          await server.acceptRequest(forget);
          await client.end();
          return [await rejectionOf(server.acceptRequest(() => {}))];
        },
      ],
      [
        "close, in a test, even if it comes at once",
        async () => {
          const server = await startTestServer();
          void fetch(server.url).catch(() => {});
          const request = await server.acceptRequest();
          forget(request);
          return [await rejectionOf(server.close())];
        },
      ],
      [
        "close, in a test whose client has left",
        async () => {
          const server = await startTestServer();
          const client = await send(server);
          const request = await server.acceptRequest();
          client.reset();
          if (!request.signal.aborted)
            await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
          await settle(server);
          void request.respond(999);
          return [await rejectionOf(server.close())];
        },
      ],
    ];

  test.each(places)("is told to %s, and is no unhandled rejection", async (_place, told) => {
    expect(await told({})).toHaveLength(1);
  });

  test("is told once, if the callback rejects with the same error", async () => {
    const errors: unknown[] = [];
    const server = await startServer({ onError: (error) => errors.push(error) });
    void server.serve(async (request) => {
      const answered = request.respond(200, "x", { "bad name": "v" });
      const error = await answered.catch((reason: unknown) => reason);
      void request.respond(200, "x", { "bad name": "v" }).catch(() => {});
      throw error;
    });
    await (await send(server)).end();
    await settle(server);
    expect(errors).toHaveLength(1);
  });
});

describe("an error that comes after the server was closed", () => {
  test.each<[entry: string, start: () => Promise<AsyncHttpServer>]>([
    ["a loop", () => startServer()],
    ["a test", () => startTestServer()],
  ])("of %s goes to stderr", async (_entry, start) => {
    const server = await start();
    const gate = deferred();
    const failed = deferred();
    await send(server, get("/late"));
    await server.acceptRequest(async () => {
      await gate.promise;
      failed.resolve();
      throw new Error("too late for close");
    });
    await server.close();
    gate.resolve();
    await failed.promise;
    await new Promise((resolve) => setImmediate(resolve));
    expect(printed.text).toMatch(/^asynchttpserver: the handler failed for GET \/late\nError: too late for close\n/);
    await server.close();
  });
});

test("of more than 100 the first 100 are kept, the others counted", async () => {
  const server = await startTestServer((request) => Promise.reject(Number(request.url.path.slice(1))));
  for (let i = 0; i < 103; i++) await (await send(server, get(`/${i}`))).end();
  const error = (await rejectionOf(server.close())) as AggregateError;
  expect(error.errors).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect(error.message).toBe("103 errors in handlers, 100 of them here: GET /0, GET /1, GET /2, GET /3, GET /4, …");
});

test("await using prints what its SuppressedError would hide", async () => {
  const failure = new Error("the expect of the callback");
  const block = async (): Promise<void> => {
    await using server = await startTestServer(() => Promise.reject(failure));
    await (await send(server, get("/arrived"))).end();
    throw new Error("the expect of the test");
  };
  expect(await rejectionOf(block())).toMatchObject({
    error: failure,
    suppressed: { message: "the expect of the test" },
  });
  expect(printed.text).toMatch(
    /^asynchttpserver: the handler failed for GET \/arrived .*await using.*\nError: the expect of the callback\n/,
  );
});

test("where nobody reads stderr any more, failed handlers end no process", async () => {
  await using program = startProgram(
    "service.js",
    `const { newAsyncHttpServer } = require("asynchttpserver");
     const server = newAsyncHttpServer();
     process.once("SIGTERM", () => void server.close());
     server.listen(0).then(() => {
       console.log(server.url);
       return server.serve(() => {
         throw new Error("told to nobody");
       });
     });`,
  );
  const url = await program.url();
  program.closeStderr();
  for (let i = 0; i < 5; i++) expect((await fetch(url)).status).toBe(500);
  program.send("SIGTERM");
  expect(await program.ended).toEqual({ code: 0, signal: null });
});

test("the stop of docs/deploying.md ends with 0 and its clean-up, whatever failed before", async () => {
  await using program = startProgram(
    "service.js",
    `const { newAsyncHttpServer } = require("asynchttpserver");
     const server = newAsyncHttpServer();
     process.once("SIGTERM", () => void server.close({ grace: 10_000 }));
     server.listen(0).then(async () => {
       console.log(server.url);
       await server.serve((request) => {
         if (request.url.path === "/fails") throw new Error("one bad request");
         return request.respond(200);
       });
       console.log("cleaned up");
     });`,
  );
  const url = await program.url();
  expect((await fetch(`${url}/fails`)).status).toBe(500);
  program.send("SIGTERM");
  expect(await program.ended).toEqual({ code: 0, signal: null });
  expect(program.stdout).toContain("cleaned up");
  expect(program.stderr).toContain("one bad request");
});
