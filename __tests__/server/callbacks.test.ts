import { setTimeout as pause } from "node:timers/promises";
import { CallbackErrors } from "../../lib/server/callbacks";
import type { AsyncHttpServer, Request } from "../../lib/index";
import { RawClient } from "../helpers/raw-client";
import { deferred, echo, get, hasSettled, rejectionOf, send, settle, startServer, thrownBy } from "../helpers/servers";
import { keepStderr } from "../helpers/stderr";

const failure = new Error("secret detail");

const printed = keepStderr();

const throwing: ReadonlyArray<[how: string, callback: (request: Request) => unknown, error: unknown]> = [
  [
    "at once",
    () => {
      throw failure;
    },
    failure,
  ],
  [
    "after an await",
    async () => {
      await Promise.resolve();
      throw failure;
    },
    failure,
  ],
  [
    "in a later turn",
    async () => {
      await new Promise((resolve) => setImmediate(resolve));
      throw failure;
    },
    failure,
  ],
  ["what is no error", () => Promise.reject("a string"), "a string"],
  ["undefined", () => Promise.reject(undefined), undefined],
  [
    "after an invalid response",
    async (request) => {
      await request.respond(200, "x", { "a b": "c" }).catch(() => {});
      throw failure;
    },
    failure,
  ],
];

describe("the client of a handler that throws", () => {
  test.each(throwing)("%s gets 500 without a word of the error, then the end", async (_how, callback) => {
    const server = await startServer({ onError: () => {} });
    void server.serve(callback);
    const client = await send(server);
    const [response] = await client.end();
    expect(response).toMatchObject({ status: 500, reason: "Internal Server Error", whole: true });
    expect(response?.body.toString()).toBe("500 Internal Server Error");
    expect(response?.head.toLowerCase()).not.toContain("secret");
  });

  test("after it answered has its response, whole", async () => {
    const server = await startServer({ onError: () => {} });
    void server.serve(async (request) => {
      await request.respond(200, "fine");
      throw failure;
    });
    const client = await send(server);
    expect((await client.read(1))[0]).toMatchObject({ status: 200, whole: true });
    await settle(server);
    expect(client.state).toBe("open");
  });

  test("after it began to answer sees the cut", async () => {
    const server = await startServer({ onError: () => {} });
    void server.serve(async (request) => {
      await request.sendHeaders({ "Content-Length": "4" });
      throw failure;
    });
    const [response] = await (await send(server)).end();
    expect(response).toMatchObject({ status: 200, whole: false });
  });

  test("after an interim response gets 500", async () => {
    const server = await startServer({ onError: () => {} });
    void server.serve(async (request) => {
      await request.respond(102);
      throw failure;
    });
    expect((await (await send(server)).end()).map(({ status }) => status)).toEqual([102, 500]);
  });

  test("who has gone gets nothing, and the error is not lost", async () => {
    const errors: unknown[] = [];
    const told = deferred();
    const server = await startServer({ onError: (error) => (errors.push(error), told.resolve()) });
    void server.serve(async (request) => {
      request.client.destroy();
      await new Promise((resolve) => request.client.once("close", resolve));
      throw failure;
    });
    await send(server);
    await told.promise;
    expect(errors).toEqual([failure]);
  });

  test("of somebody else is served on", async () => {
    const server = await startServer({ onError: () => {} });
    void server.serve((request) => {
      if (request.url.path === "/fails") throw failure;
      return echo(request);
    });
    const other = await send(server, get("/1"));
    await other.read(1);
    await (await send(server, get("/fails"))).end();
    await other.send(get("/2"));
    expect((await other.read(2))[1]?.body.toString()).toBe("/2|");
  });

  test("after it took an upgrade request's socket over sees the cut, and no 500", async () => {
    const switching = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    const server = await startServer({ onError: () => {} });
    void server.serve(async (request) => {
      await new Promise((resolve) => request.client.write(switching, resolve));
      throw failure;
    });
    const client = await RawClient.connect(server);
    let received = "";
    client.socket.on("data", (bytes) => (received += String(bytes)));
    await client.send(get("/", "Connection: Upgrade", "Upgrade: own"));
    await client.end();
    expect(received).toBe(switching);
  });
});

describe("onError", () => {
  const ways: ReadonlyArray<
    [name: string, start: (server: AsyncHttpServer, callback: (r: Request) => unknown) => void]
  > = [
    ["serve", (server, callback) => void server.serve(callback)],
    ["acceptRequest", (server, callback) => void server.acceptRequest(callback)],
  ];
  const rows = ways.flatMap(([way, start]) =>
    throwing.map(([how, callback, error]) => ({ way, start, how, callback, error })),
  );

  test.each(rows)("is given what is thrown under $way, $how, and its request; close resolves", async (row) => {
    const told: Array<[error: unknown, target: string]> = [];
    const server = await startServer({ onError: (error, request) => told.push([error, String(request?.url)]) });
    row.start(server, row.callback);
    await (await send(server, get("/fails"))).end();
    expect(told).toEqual([[row.error, "/fails"]]);
    await server.close();
    expect(printed.text).toBe("");
  });

  test("that throws leaves its own error to the rule without it: serve", async () => {
    const second = new Error("onError failed");
    const server = await startServer({
      onError: () => {
        throw second;
      },
    });
    void server.serve(() => {
      throw failure;
    });
    await (await send(server)).end();
    expect(printed.text).toMatch(/^asynchttpserver: onError failed for GET \/\nError: onError failed\n/);
    await server.close();
  });

  test("that throws leaves its own error to the rule without it: the loop", async () => {
    const second = new Error("onError failed");
    const server = await startServer({
      onError: () => {
        throw second;
      },
    });
    const client = await send(server);
    await server.acceptRequest(() => {
      throw failure;
    });
    await client.end();
    await expect(server.acceptRequest(() => {})).rejects.toBe(second);
  });
});

describe("under acceptRequest with a handler", () => {
  test.each(throwing)("what is thrown %s rejects the call that waits in the loop", async (_how, callback, error) => {
    const server = await startServer();
    const client = await send(server);
    await server.acceptRequest(callback);
    const waiting = server.acceptRequest(() => {});
    await expect(waiting).rejects.toBe(error);
    await client.end();
    await server.close();
    expect(printed.text).toBe("");
  });

  test("it rejects the next call when none waits", async () => {
    const server = await startServer();
    const client = await send(server);
    await server.acceptRequest(() => {
      throw failure;
    });
    await client.end();
    await expect(server.acceptRequest(() => {})).rejects.toBe(failure);
  });

  test("a rejected call has not taken a request, which the one after it gets", async () => {
    const server = await startServer();
    const client = await send(server);
    await server.acceptRequest(() => Promise.reject(failure));
    await client.end();
    await send(server, get("/kept"));
    await settle(server);
    await expect(server.acceptRequest(() => {})).rejects.toBe(failure);
    expect((await server.acceptRequest()).url.path).toBe("/kept");
  });

  test("only calls with a handler are told; a pull waits on", async () => {
    const server = await startServer();
    const gate = deferred();
    await send(server);
    await server.acceptRequest(async () => {
      await gate.promise;
      throw failure;
    });
    const pull = server.acceptRequest();
    const first = server.acceptRequest(() => {});
    const second = server.acceptRequest(() => {});
    gate.resolve();
    await expect(first).rejects.toBe(failure);
    expect(await hasSettled(pull)).toBe(false);
    expect(await hasSettled(second)).toBe(false);
    await send(server, get("/1"));
    expect((await pull).url.path).toBe("/1");
    await send(server, get("/2"));
    await second;
  });

  test("several errors reject several calls, in order; each is delivered once", async () => {
    const server = await startServer();
    const errors = [new Error("1"), new Error("2"), new Error("3")];
    // Handlers that fail later, so that no call of the loop is told before its own request is there.
    const gate = deferred();
    for (const error of errors) {
      await send(server);
      await server.acceptRequest(async () => {
        await gate.promise;
        throw error;
      });
    }
    gate.resolve();
    await settle(server);
    await expect(server.acceptRequest(() => {})).rejects.toBe(errors[0]);
    await expect(server.acceptRequest(() => {})).rejects.toBe(errors[1]);
    await expect(server.close()).rejects.toBe(errors[2]);
    await server.close();
  });
});

describe("what nobody took", () => {
  /** Lets handlers of the loop fail for so many requests, at a time when no call waits in it. */
  async function failTimes(server: AsyncHttpServer, count: number, errorOf: (i: number) => unknown): Promise<void> {
    const gate = deferred();
    const clients: RawClient[] = [];
    for (let i = 1; i <= count; i++) {
      clients.push(await send(server, get(`/${i}`)));
      await server.acceptRequest(async () => {
        await gate.promise;
        throw errorOf(i);
      });
    }
    gate.resolve();
    for (const client of clients) await client.end();
  }

  test("makes close reject with it, once", async () => {
    const server = await startServer();
    const client = await send(server);
    await server.acceptRequest(() => {
      throw failure;
    });
    await client.end();
    await expect(server.close()).rejects.toBe(failure);
    await expect(server.close()).resolves.toBeUndefined();
  });

  test("of which there are several, makes it reject with an AggregateError", async () => {
    const server = await startServer();
    await failTimes(server, 3, (i) => new Error(`/${i}`));
    const error = (await rejectionOf(server.close())) as AggregateError;
    expect(error).toBeInstanceOf(AggregateError);
    expect(error.message).toBe("3 errors in handlers: GET /1, GET /2, GET /3");
    expect(error.errors).toEqual([new Error("/1"), new Error("/2"), new Error("/3")]);
    await server.close();
  });

  test("is kept, the first 100; the rest is counted", async () => {
    const server = await startServer();
    await failTimes(server, 103, (i) => i);
    const error = (await rejectionOf(server.close())) as AggregateError;
    expect(error.errors).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect(error.message).toBe("103 errors in handlers, 100 of them here: GET /1, GET /2, GET /3, GET /4, GET /5, …");
  });

  test("a handler that fails while close is at work is not lost either", async () => {
    const server = await startServer();
    await send(server);
    await server.acceptRequest(async (request) => {
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      throw failure;
    });
    await expect(server.close()).rejects.toBe(failure);
  });

  test("a failed assertion in a handler fails the test through close", async () => {
    const server = await startServer();
    const client = await send(server, get("/other"));
    await server.acceptRequest(async (request) => {
      expect(request.url.path).toBe("/expected");
      await request.respond(200);
    });
    await client.end();
    const matcherResult = { expected: "/expected", actual: "/other" };
    expect(await rejectionOf(server.close())).toMatchObject({ matcherResult });
  });
});

describe("under serve", () => {
  test("it is printed with its stack and the request line, and serving goes on", async () => {
    const server = await startServer();
    void server.serve((request) => {
      if (request.url.path !== "/fails") return echo(request);
      throw failure;
    });
    await (await send(server, get("/fails?why=1"))).end();
    expect(printed.text).toContain("GET /fails?why=1");
    expect(printed.text).toContain(failure.stack);
    expect((await (await send(server, get("/next"))).read(1))[0]?.body.toString()).toBe("/next|");
    await server.close();
  });

  test("the request target is printed as it came, an error that is none as Node shows it", async () => {
    const server = await startServer();
    void server.serve(() => {
      throw "a string";
    });
    await (await send(server, get("/a%0Ab"))).end();
    expect(printed.text).toBe("asynchttpserver: the handler failed for GET /a%0Ab\n'a string'\n");
    await server.close();
  });

  test("the loop beside it is not told", async () => {
    const server = await startServer();
    const gate = deferred();
    void server.serve(async () => {
      await gate.promise;
      throw failure;
    });
    const client = await send(server);
    await settle(server);
    const waiting = server.acceptRequest(() => {});
    gate.resolve();
    await client.end();
    expect(await hasSettled(waiting)).toBe(false);
    const closed = rejectionOf(waiting);
    await server.close();
    expect(await closed).toMatchObject({ code: "ERR_SERVER_CLOSED" });
  });

  const ends: ReadonlyArray<[what: string, rethrow: (reason: unknown) => unknown, told: unknown]> = [
    ["the reason of the aborted signal is no failure", (reason) => reason, undefined],
    ["an error of its own is one, though the client has left", () => failure, failure],
  ];

  test.each(ends)("%s", async (_what, rethrow, told) => {
    const server = await startServer();
    const running = deferred();
    const ended = deferred();
    void server.serve(async (request) => {
      const waiting = pause(10_000, undefined, { signal: request.signal });
      running.resolve();
      try {
        await waiting;
      } catch (reason) {
        throw rethrow(reason);
      } finally {
        ended.resolve();
      }
    });
    const client = await send(server);
    await running.promise;
    client.reset();
    await ended.promise;
    await settle(server);
    await server.close();
    expect(printed.text.includes("secret detail")).toBe(told !== undefined);
    if (told === undefined) expect(printed.text).toBe("");
  });
});

describe("CallbackErrors", () => {
  test.each<[count: number, kept: number, message: string]>([
    [2, 2, "2 errors in handlers: GET /0, GET /1"],
    [100, 100, "100 errors in handlers: GET /0, GET /1, GET /2, GET /3, GET /4, …"],
    [101, 100, "101 errors in handlers, 100 of them here: GET /0, GET /1, GET /2, GET /3, GET /4, …"],
  ])("of %i keeps %i", (count, kept, message) => {
    const errors = new CallbackErrors();
    for (let i = 0; i < count; i++) errors.keep(i, `GET /${i}`);
    const thrown = thrownBy(() => errors.throwAll());
    expect(thrown).toBeInstanceOf(AggregateError);
    expect((thrown as AggregateError).errors).toEqual(Array.from({ length: kept }, (_, i) => i));
    expect((thrown as AggregateError).message).toBe(message);
    errors.throwAll();
  });

  test("takes them one by one, the oldest first", () => {
    const errors = new CallbackErrors();
    errors.keep(1);
    errors.keep(2);
    expect([errors.length, errors.takeFirst(), errors.length]).toEqual([2, 1, 1]);
    expect(() => errors.throwAll()).toThrow();
    expect(errors.length).toBe(0);
  });

  test("tells of one beyond those that the loop has taken", () => {
    const errors = new CallbackErrors();
    for (let i = 0; i < 101; i++) errors.keep(i);
    while (errors.length > 0) errors.takeFirst();
    expect(() => errors.throwAll()).toThrow("1 errors in handlers, 0 of them here");
    errors.throwAll();
  });
});
