import { newAsyncHttpServer, type AsyncHttpServer } from "../../lib/index";
import { startTestServer } from "../../lib/testing/index";
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
  ["time out", "ERR_ACCEPT_TIMEOUT", (server) => rejectionOf(theCaller(async function caller() { return server.acceptRequest({ timeout: 1 }); }))],
  ["time out, in Nim's form", "ERR_ACCEPT_TIMEOUT", (server) => rejectionOf(theCaller(async function caller() { return server.acceptRequest(() => {}, { timeout: 1 }); }))],
  ["end with their client", "ERR_CLIENT_FINISHED", (server) => rejectionOf(theCaller(async function caller() { return server.acceptRequest({ while: Promise.resolve() }); }))],
  ["end with the server", "ERR_SERVER_CLOSED", (server) => closedWhile(server, async function caller() { return server.acceptRequest({ timeout: 10_000 }); })],
  ["are given wrong options", "ERR_INVALID_ARGUMENT", (server) => rejectionOf(theCaller(async function caller() { return server.acceptRequest({ timeout: -1 }); }))],
  ["come too late", "ERR_SERVER_CLOSED", async (server) => { await server.close(); return rejectionOf(theCaller(async function caller() { return server.acceptRequest(); })); }],
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
  const error = await rejectionOf(theCaller(async function caller() { return makeServer().acceptRequest(); }));
  expect(error).toMatchObject({ code: "ERR_SERVER_NOT_LISTENING" });
  expect(frameOf(error)).toContain("at caller (");
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
    ["Error.prepareStackTrace throws", () => { Error.prepareStackTrace = () => { throw new TypeError("bad source map"); }; }],
    ["Error.prepareStackTrace gives no text", () => { Error.prepareStackTrace = (_error, frames) => frames; }],
    ["there are none", () => { Error.stackTraceLimit = 0; }],
  ])("because %s, the error comes without frames", async (_what, spoil) => {
    const server = newAsyncHttpServer();
    await server.listen(0);
    spoil();
    const error = await rejectionOf(server.acceptRequest({ timeout: 1 }));
    expect(error.stack).toBe(`TimeoutError: ${error.message}`);
    await server.close();
  });
});
