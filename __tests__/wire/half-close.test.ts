import { parityRoutes, shareParityApp, startParityApp } from "../helpers/parity-app";
import { RawClient } from "../helpers/raw-client";
import { get, postLines } from "../helpers/servers";
import { chunked, type Exchange, expectExchange, roundTrip } from "../helpers/wire-case";

const app = shareParityApp();

describe("a client that shuts its sending side gets its responses", () => {
  const rows: ReadonlyArray<readonly [name: string, send: Exchange["send"], ran: readonly string[]]> = [
    ["GET", get("/g"), ["GET /g"]],
    ["slow GET", get("/slow"), ["GET /slow"]],
    ["HTTP/1.0", "GET /g HTTP/1.0\r\n\r\n", ["GET /g"]],
    ["slow HTTP/1.0", "GET /slow HTTP/1.0\r\n\r\n", ["GET /slow"]],
    ["Connection: close", get("/slow", "Connection: close"), ["GET /slow"]],
    ["POST", postLines("/p", ["Content-Length: 5"], "hello"), ["POST /p"]],
    ["slow POST", postLines("/slow", ["Content-Length: 5"], "hello"), ["POST /slow"]],
    ["POST in two packets", [postLines("/p", ["Content-Length: 5"], "he"), "llo"], ["POST /p"]],
    ["chunked POST", postLines("/p", [chunked], "5\r\nhello\r\n0\r\n\r\n"), ["POST /p"]],
    [
      "three pipelined",
      get("/1") + postLines("/2", ["Content-Length: 1"], "x") + get("/3"),
      ["GET /1", "POST /2", "GET /3"],
    ],
    ["three pipelined and slow", get("/slow").repeat(3), ["GET /slow", "GET /slow", "GET /slow"]],
    ["an upgrade nobody takes up", get("/slow", "Connection: Upgrade", "Upgrade: websocket"), ["GET /slow"]],
  ];

  test.each(rows)("%s", async (_name, send, ran) => {
    await expectExchange(app, { send, half: true, statuses: ran.map(() => 200), end: "eof", ran });
  });

  test("while a large response is on its way", async () => {
    const content = "x".repeat(4 * 1024 * 1024);
    const large = await startParityApp({}, (request) =>
      request.url.path === "/large" ? request.respond(200, content) : parityRoutes(request),
    );
    const client = await RawClient.connect(large.server);
    client.socket.pause();
    await client.send(get("/large"));
    client.half();
    await roundTrip(large);
    client.socket.resume();
    const [response] = await client.end();
    expect({ whole: response?.whole, length: response?.body.length }).toEqual({ whole: true, length: content.length });
  });

  test.each([
    ["nothing sent", "", [], []],
    ["half a request behind a whole one", `${get("/slow")}GET /half HTTP/1.1\r\nHo`, [200, 400], ["GET /slow"]],
    [
      "half a body behind a whole one",
      get("/slow") + postLines("/half", ["Content-Length: 9"], "he"),
      [200, 400],
      ["GET /slow"],
    ],
  ] as const)("%s", async (_name, send, statuses, ran) => {
    await expectExchange(app, { send, half: true, statuses, end: "eof", ran });
  });
});
