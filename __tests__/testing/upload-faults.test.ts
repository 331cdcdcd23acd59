import { once } from "node:events";
import { request as nodeRequest, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import {
  dropConnection,
  readBytes,
  resetConnection,
  startTestServer,
  throttled,
  type TestServer,
} from "../../lib/testing/index";
import { RawClient } from "../helpers/raw-client";
import { askOn, post, postLines, rejectionOf } from "../helpers/servers";
import { chunked } from "../helpers/wire-case";

const size = 8 * 1024 * 1024;
let server: TestServer;

beforeEach(async () => {
  server = await startTestServer({ stream: true });
});
afterEach(() => server.close());

/** A client that uploads as fast as it can; how that ends for it. */
function upload(): Promise<string> {
  const sent = nodeRequest(server.url, { method: "POST", agent: false, headers: { "Content-Length": size } });
  const outcome = Promise.race([
    once(sent, "response").then(
      async ([response]) => `${(response as IncomingMessage).statusCode} ${await text(response as IncomingMessage)}`,
    ),
    new Promise<string>((resolve) =>
      sent.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message)),
    ),
  ]);
  outcome.catch(() => {});
  sent.end(Buffer.alloc(size));
  return outcome;
}

describe("behind the first bytes of an upload", () => {
  test("a response", async () => {
    const outcome = upload();
    const request = await server.acceptRequest({ while: outcome });
    await readBytes(request, 100_000);
    await request.respond(413, "enough");
    expect(await outcome).toBe("413 enough");
  });

  test("a reset", async () => {
    const outcome = upload();
    const request = await server.acceptRequest({ while: outcome });
    await readBytes(request, 100_000);
    resetConnection(request);
    expect(await outcome).toMatch(/^(?:ECONNRESET|EPIPE)$/);
  });

  test("a drop", async () => {
    const outcome = upload();
    const request = await server.acceptRequest({ while: outcome });
    await readBytes(request, 100_000);
    dropConnection(request);
    expect(await outcome).toMatch(/^(?:ECONNRESET|EPIPE)$/);
  });

  test("a stall, which the end of the test ends", async () => {
    const outcome = upload();
    const request = await server.acceptRequest({ while: outcome });
    await readBytes(request, 100_000);
    await server.close();
    expect(await outcome).toMatch(/^(?:410 The test ended .*|ECONNRESET|EPIPE)$/);
  });

  test("the rest at a rate", async () => {
    const { request } = await askOn(server, post("/", "x".repeat(1_100)));
    await readBytes(request, 1_000);
    const start = performance.now();
    let rest = 0;
    for await (const piece of throttled(request.bodyStream, 1_000)) rest += piece.length;
    expect(rest).toBe(100);
    expect(performance.now() - start).toBeGreaterThan(95);
    await request.respond(200);
  });
});

describe("readBytes", () => {
  test.each([
    [0, "", "0123456789"],
    [1, "0", "123456789"],
    [4, "0123", "456789"],
    [5, "01234", "56789"],
    [10, "0123456789", ""],
    [11, "0123456789", ""],
  ])("%d of 10 gives %j and leaves %j", async (bytes, read, left) => {
    const { client, request } = await askOn(server, postLines("/", [chunked], "4\r\n0123\r\n"));
    const reading = readBytes(request, bytes);
    await client.send("6\r\n456789\r\n0\r\n\r\n");
    expect(String(await reading)).toBe(read);
    expect(await text(request.bodyStream)).toBe(left);
    await request.respond(200);
  });

  test("goes on where the one before has ended", async () => {
    const { request } = await askOn(server, post("/", "0123456789"));
    expect(String(await readBytes(request, 3))).toBe("012");
    expect(String(await readBytes(request, 3))).toBe("345");
    expect(String(await readBytes(request, 9))).toBe("6789");
    expect(String(await readBytes(request, 9))).toBe("");
    await request.respond(200);
  });

  test("reads a body that is there already", async () => {
    await using buffered = await startTestServer();
    const { request } = await askOn(buffered, post("/", "0123456789"));
    expect(String(await readBytes(request, 3))).toBe("012");
    expect(await text(request.bodyStream)).toBe("3456789");
    expect(request.body).toBe("0123456789");
    await request.respond(200);
  });

  test("rejects when the client disconnects", async () => {
    const client = await RawClient.connect(server);
    await client.send(post("/", "0123", 10));
    const request = await server.acceptRequest();
    const reading = readBytes(request, 10);
    client.reset();
    expect(await rejectionOf(reading)).toMatchObject({ code: "ERR_CLIENT_DISCONNECTED" });
  });

  test("rejects when the client has disconnected before", async () => {
    const client = await RawClient.connect(server);
    await client.send(post("/", "0123", 10));
    const request = await server.acceptRequest();
    await readBytes(request, 3);
    const closed = new Promise((resolve) => request.bodyStream.on("close", resolve));
    client.reset();
    await closed;
    expect(await rejectionOf(readBytes(request, 7))).toMatchObject({ code: "ERR_CLIENT_DISCONNECTED" });
  });

  test("leaves the rest with the client", async () => {
    const outcome = upload();
    const request = await server.acceptRequest({ while: outcome });
    await readBytes(request, 1_000);
    for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(request.client.bytesRead).toBeLessThan(1024 * 1024);
    resetConnection(request);
    await outcome;
  });

  test.each([-1, NaN, 2 ** 31])("refuses %d bytes", async (bytes) => {
    const { request } = await askOn(server, post("/", "0123456789"));
    expect(await rejectionOf(readBytes(request, bytes))).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
  });
});
