import { inspect } from "node:util";
import type { Request } from "../lib/index";
import { startTestServer } from "../lib/testing/index";
import { RawClient } from "./helpers/raw-client";
import { post, startServer, thrownBy } from "./helpers/servers";

/** A request as a recording of a test has it: answered, with a header that is secret. */
async function arrived(body: string | Buffer = "body-44", target = "/surprise-42"): Promise<Request> {
  const server = await startServer();
  const client = await RawClient.connect(server);
  const accepted = server.acceptRequest();
  const head = `PUT ${target} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer s3cret\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  await client.send(Buffer.concat([Buffer.from(head), Buffer.from(body as string)]));
  const request = await accepted;
  await request.respond(204);
  return request;
}

/** The message of a failing matcher, without colours. */
function messageOf(act: () => void): string {
  return thrownBy(act).message.replace(/\u001b\[\d+m/g, "");
}

describe("a failing matcher shows method, target, body and status of a request", () => {
  const called = jest.fn();

  test.each<[matcher: string, act: (request: Request) => void]>([
    ["toHaveLength", (request) => expect([request]).toHaveLength(0)],
    ["toEqual of a list", (request) => expect([request]).toEqual([])],
    ["toEqual of a record", (request) => expect([request]).toEqual([{ reqMethod: "POST", body: "b" }])],
    ["toStrictEqual", (request) => expect(request).toStrictEqual({ reqMethod: "PUT" })],
    ["toMatchObject of none", (request) => expect([request]).toMatchObject([])],
    [
      "toMatchObject of another",
      (request) => expect([request]).toMatchObject([{ reqMethod: "POST", url: { path: "/other" } }]),
    ],
    ["toMatchObject of one", (request) => expect(request).toMatchObject({ body: "other" })],
    [
      "toMatchObject of fields that hold much",
      (request) => expect(request).toMatchObject({ raw: { method: "X" }, client: { destroyed: 5 } }),
    ],
    [
      "toMatchObject of every field",
      (request) =>
        expect(request).toMatchObject({
          headers: { host: "h" },
          protocol: { minor: 0 },
          hostname: "h",
          rawBody: 1,
          head: 1,
          signal: 1,
          bodyStream: 1,
          json: 1,
        }),
    ],
    ["toBe", (request) => expect(request).toBe(undefined)],
    ["toBeNull", (request) => expect(request).toBeNull()],
    ["toContain", (request) => expect([request]).toContain(1)],
    ["toContainEqual", (request) => expect([request]).toContainEqual({ a: 1 })],
    ["toHaveProperty", (request) => expect(request).toHaveProperty("other", 1)],
    [
      "toHaveBeenCalledWith",
      (request) => (called(request), expect(called).toHaveBeenCalledWith(expect.objectContaining({ body: "x" }))),
    ],
    ["in a record", (request) => expect({ deep: { list: [request] } }).toEqual({ deep: { list: [1] } })],
  ])("%s", async (_matcher, act) => {
    const request = await arrived();
    const message = messageOf(() => act(request));
    for (const part of [/"reqMethod": "PUT"/, /"url": "\/surprise-42"/, /"body": "body-44"/, /"status": 204/])
      expect(message).toMatch(part);
    expect(message).not.toMatch(/s3cret|Request \{\}/);
  });

  test("console.log and JSON.stringify too", async () => {
    const request = await arrived();
    expect(inspect([request])).toBe("[ Request PUT /surprise-42 { body: 'body-44', status: 204 } ]");
    expect(inspect({ a: { b: { c: request } } })).toContain("[Request PUT /surprise-42]");
    expect(`${request}`).toBe("PUT /surprise-42");
    expect(JSON.stringify(request)).toBe('{"reqMethod":"PUT","url":"/surprise-42","body":"body-44","status":204}');
  });

  test.each<[what: string, body: string | Buffer, shown: string]>([
    ["500 characters", "ü".repeat(500), "ü".repeat(500)],
    ["501 characters", "ü".repeat(501), `${"ü".repeat(500)}… (1002 bytes)`],
    ["characters of four bytes", "🦀".repeat(600), `${"🦀".repeat(250)}… (2400 bytes)`],
    ["many bytes", "x".repeat(100_000), `${"x".repeat(500)}… (100000 bytes)`],
    ["what is no UTF-8", Buffer.from([0x61, 0xff]), "a\ufffd"],
    ["nothing", "", ""],
  ])("of a body its start: %s", async (_what, body, shown) => {
    expect(JSON.parse(JSON.stringify(await arrived(body)))).toMatchObject({ body: shown });
  });

  test("many requests stay readable", async () => {
    const server = await startServer();
    const client = await RawClient.connect(server);
    const requests: Request[] = [];
    for (let i = 0; i < 12; i++) {
      const accepted = server.acceptRequest();
      await client.send(post(`/path-${i}`, "x".repeat(2_000)));
      const request = await accepted;
      await request.respond(200);
      requests.push(request);
    }
    const message = messageOf(() => expect(requests).toHaveLength(0));
    expect(message).toMatch(/"url": "\/path-9"/);
  });
});

test("a failing matcher leaves a request as it was: it looks at no socket, signal or stream", async () => {
  const server = await startServer({ stream: true });
  const client = await RawClient.connect(server);
  await client.send(post("/x", "streamed"));
  const request = await server.acceptRequest();
  const looked = ["client", "signal", "bodyStream", "raw", "head"].map((name) =>
    jest.spyOn(request as never, name as never, "get" as never),
  );
  expect(messageOf(() => expect([request]).toEqual([{ reqMethod: "PUT" }]))).toMatch(/"body": "\(not read\)"/);
  expect(looked.map((spy) => (spy as jest.SpyInstance).mock.calls.length)).toEqual([0, 0, 0, 0, 0]);
  jest.restoreAllMocks();
  expect((await request.readBody()).toString()).toBe("streamed");
  expect(JSON.parse(JSON.stringify(request))).toMatchObject({ body: "streamed" });
});

test("matchers find the fields, and a request is equal to itself alone", async () => {
  const [request, other] = [await arrived(), await arrived()];
  expect(request).toMatchObject({ reqMethod: "PUT", url: { path: "/surprise-42" }, body: "body-44", status: 204 });
  expect([request]).toEqual([expect.objectContaining({ reqMethod: "PUT" })]);
  expect([request]).toEqual([request]);
  expect(request).not.toEqual(other);
  expect(request).not.toEqual({});
  expect({}).not.toEqual(request);
  expect(request).not.toMatchObject({ reqMethod: "GET" });
});

test("a server shows the requests of its test, and nothing of Node's", async () => {
  const server = await startTestServer((request) => request.respond(204));
  await fetch(`${server.url}/pets`);
  const shown = '{"requests": [{"body": "", "reqMethod": "GET", "status": 204, "url": "/pets"}]}';
  expect(messageOf(() => expect(server).toHaveLength(1))).toContain(`Received has value: ${shown}`);
  // Jest copies both sides first.
  const message = messageOf(() => expect([server]).toEqual([]));
  expect(message).toMatch(/TestServer \{\n\+ +"requests": Array \[\n\+ +Request \{/);
  expect(message).not.toMatch(/"node"|_events/);
  expect(inspect(server)).toMatch(/^TestServer \{\s+requests: \[ Request GET \/pets \{.*\} \]\s+\}$/s);
  expect(inspect(await startServer())).toBe("AsyncHttpServer {}");
  await server.close();
});
