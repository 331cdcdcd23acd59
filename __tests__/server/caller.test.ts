import { once } from "node:events";
import { newAsyncHttpServer, type AsyncHttpServer, type Request } from "../../lib/index";
import { startTestServer, useTestServer } from "../../lib/testing/index";
import { makeServer, rejectionOf, startServer } from "../helpers/servers";

/** The first frame of an error. */
function frameOf(error: Error): string {
  return /^ {4}at .*$/m.exec(error.stack ?? "")?.[0] ?? "none";
}

/** What the caller's own function is called, so that its frame is known. */
async function theCaller(accept: () => Promise<unknown>): Promise<unknown> {
  return accept();
}

async function closedWhile(server: AsyncHttpServer, accept: () => Promise<unknown>): Promise<Error> {
  const error = rejectionOf(accept());
  await server.close();
  return error;
}

const failing: ReadonlyArray<[how: string, code: string, fail: (server: AsyncHttpServer) => Promise<Error>]> = [
  [
    "time out",
    "ERR_ACCEPT_TIMEOUT",
    (server) =>
      rejectionOf(
        theCaller(async function caller() {
          return server.acceptRequest({ timeout: 1 });
        }),
      ),
  ],
  [
    "time out, in Nim's form",
    "ERR_ACCEPT_TIMEOUT",
    (server) =>
      rejectionOf(
        theCaller(async function caller() {
          return server.acceptRequest(() => {}, { timeout: 1 });
        }),
      ),
  ],
  [
    "end with their client",
    "ERR_CLIENT_FINISHED",
    (server) =>
      rejectionOf(
        theCaller(async function caller() {
          return server.acceptRequest({ while: Promise.resolve() });
        }),
      ),
  ],
  [
    "end with the server",
    "ERR_SERVER_CLOSED",
    (server) =>
      closedWhile(server, async function caller() {
        return server.acceptRequest({ timeout: 10_000 });
      }),
  ],
  [
    "are given wrong options",
    "ERR_INVALID_ARGUMENT",
    (server) =>
      rejectionOf(
        theCaller(async function caller() {
          return server.acceptRequest({ timeout: -1 });
        }),
      ),
  ],
  [
    "come too late",
    "ERR_SERVER_CLOSED",
    async (server) => {
      await server.close();
      return rejectionOf(
        theCaller(async function caller() {
          return server.acceptRequest();
        }),
      );
    },
  ],
];

describe.each<[entry: string, start: () => Promise<AsyncHttpServer>]>([
  ["the main entry", () => startServer()],
  ["the testing entry", () => startTestServer()],
])("of %s", (_entry, start) => {
  test.each(failing)("waits that %s blame the line that called", async (_how, code, fail) => {
    const server = await start();
    const error = await fail(server);
    expect(error).toMatchObject({ code });
    expect(frameOf(error)).toMatch(/^ {4}at (?:async )?caller \(.*caller\.test\.ts:\d+:\d+\)$/);
    expect(error.stack!.startsWith(`${error.name}: ${error.message}\n    at `)).toBe(true);
    await server.close();
  });
});

test("before listen, too", async () => {
  const error = await rejectionOf(
    theCaller(async function caller() {
      return makeServer().acceptRequest();
    }),
  );
  expect(error).toMatchObject({ code: "ERR_SERVER_NOT_LISTENING" });
  expect(frameOf(error)).toContain("at caller (");
});

describe("every other error blames the line that called, too", () => {
  async function asked(options = {}, init: RequestInit = { method: "POST", body: "{" }): Promise<Request> {
    const server = await startServer(options);
    void fetch(server.url, init).catch(() => {});
    return server.acceptRequest();
  }
  const streaming = { stream: true };

  test.each<[what: string, code: string, fail: () => unknown]>([
    [
      "an option of the server",
      "ERR_INVALID_ARGUMENT",
      function caller() {
        return newAsyncHttpServer({ port: 1 } as object);
      },
    ],
    [
      "an option of a server for tests",
      "ERR_INVALID_ARGUMENT",
      function caller() {
        return startTestServer({ port: 1 } as object);
      },
    ],
    [
      "an option of useTestServer",
      "ERR_INVALID_ARGUMENT",
      function caller() {
        return useTestServer({ port: 1 } as object);
      },
    ],
    [
      "a port",
      "ERR_INVALID_ARGUMENT",
      function caller() {
        return makeServer().listen(-1);
      },
    ],
    [
      "a port in use",
      "EADDRINUSE",
      async function caller() {
        const server = await startServer();
        return makeServer().listen(server.getPort());
      },
    ],
    [
      "url",
      "ERR_SERVER_NOT_LISTENING",
      function caller() {
        return makeServer().url;
      },
    ],
    [
      "getPort",
      "ERR_SERVER_NOT_LISTENING",
      function caller() {
        return makeServer().getPort();
      },
    ],
    [
      "a port of serve",
      "ERR_INVALID_ARGUMENT",
      function caller() {
        return makeServer().serve(-1, () => {});
      },
    ],
    [
      "serve without a handler",
      "ERR_INVALID_ARGUMENT",
      function caller() {
        return makeServer().serve(0, undefined as never);
      },
    ],
    [
      "serve before listen",
      "ERR_SERVER_NOT_LISTENING",
      function caller() {
        return makeServer().serve(() => {});
      },
    ],
    [
      "a second serve",
      "ERR_ALREADY_SERVING",
      async function caller() {
        const server = await startServer();
        void server.serve(() => {});
        return server.serve(() => {});
      },
    ],
    [
      "where that is async",
      "ERR_INVALID_ARGUMENT",
      async function caller() {
        const server = await startServer();
        void fetch(server.url).catch(() => {});
        return server.acceptRequest({ where: (async () => true) as never });
      },
    ],
    [
      "a status",
      "ERR_INVALID_STATUS",
      async function caller() {
        const request = await asked();
        return request.respond("200" as never);
      },
    ],
    [
      "a second response",
      "ERR_ALREADY_ANSWERED",
      async function caller() {
        const request = await asked();
        await request.respond(200);
        return request.respond(200);
      },
    ],
    [
      "a header",
      "ERR_INVALID_HEADER",
      async function caller() {
        const request = await asked();
        return request.respond(200, "", { a: "\n" });
      },
    ],
    [
      "a header of respondJson",
      "ERR_INVALID_HEADER",
      async function caller() {
        const request = await asked();
        return request.respondJson(200, 1, { a: "\n" });
      },
    ],
    [
      "a value of respondJson",
      "ERR_INVALID_ARGUMENT",
      async function caller() {
        const request = await asked();
        return request.respondJson(200, undefined);
      },
    ],
    [
      "a content",
      "ERR_INVALID_ARGUMENT",
      async function caller() {
        const request = await asked();
        return request.respond(200, {} as never);
      },
    ],
    [
      "headers that are sent first",
      "ERR_INVALID_HEADER",
      async function caller() {
        const request = await asked();
        return request.sendHeaders({ a: "\n" });
      },
    ],
    [
      "json",
      "ERR_BODY_NOT_JSON",
      async function caller() {
        const request = await asked();
        return request.json();
      },
    ],
    [
      "form",
      "ERR_BODY_NOT_FORM",
      async function caller() {
        const request = await asked();
        return request.form();
      },
    ],
    [
      "formData",
      "ERR_BODY_NOT_FORM",
      async function caller() {
        const request = await asked();
        return request.formData();
      },
    ],
    [
      "body that was not read",
      "ERR_BODY_NOT_READ",
      async function caller() {
        const request = await asked(streaming);
        return request.body;
      },
    ],
    [
      "rawBody that was not read",
      "ERR_BODY_NOT_READ",
      async function caller() {
        const request = await asked(streaming);
        return request.rawBody;
      },
    ],
    [
      "json of a body that was not read",
      "ERR_BODY_NOT_READ",
      async function caller() {
        const request = await asked(streaming);
        return request.json();
      },
    ],
    [
      "readBody of a body that was read",
      "ERR_BODY_NOT_READABLE",
      async function caller() {
        const request = await asked(streaming);
        request.bodyStream.resume();
        await once(request.bodyStream, "end");
        return request.readBody();
      },
    ],
  ])("%s", async (_what, code, fail) => {
    const error = await rejectionOf(theCaller(async () => fail()));
    expect(error).toMatchObject({ code });
    expect(frameOf(error)).toMatch(/^ {4}at (?:async )?(?:Object\.)?caller \(.*caller\.test\.ts:\d+:\d+\)$/);
    expect(error.stack!.startsWith(`${error.name}: ${error.message}\n    at `)).toBe(true);
  });
});

test("through a spy, the wait blames what called the spy, or the spy, never the library", async () => {
  const server = await startServer();
  jest.spyOn(server, "acceptRequest");
  const error = await rejectionOf(server.acceptRequest({ timeout: 1 }));
  expect(error.stack).not.toMatch(/[\\/]lib[\\/]/);
});

describe("where stacks cannot be made", () => {
  const realPrepare = Error.prepareStackTrace;
  const realLimit = Error.stackTraceLimit;
  afterEach(() => {
    Error.prepareStackTrace = realPrepare;
    Error.stackTraceLimit = realLimit;
  });

  test.each<[what: string, spoil: () => void]>([
    [
      "Error.prepareStackTrace throws",
      () => {
        Error.prepareStackTrace = () => {
          throw new TypeError("bad source map");
        };
      },
    ],
    [
      "Error.prepareStackTrace gives no text",
      () => {
        Error.prepareStackTrace = (_error, frames) => frames;
      },
    ],
    [
      "there are none",
      () => {
        Error.stackTraceLimit = 0;
      },
    ],
  ])("because %s, the error comes without frames", async (_what, spoil) => {
    const server = newAsyncHttpServer();
    await server.listen(0);
    spoil();
    const error = await rejectionOf(server.acceptRequest({ timeout: 1 }));
    expect(error.stack).toBe(`TimeoutError: ${error.message}`);
    await server.close();
  });
});
