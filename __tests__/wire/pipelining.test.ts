import { parityRoutes, shareParityApp, startParityApp } from "../helpers/parity-app";
import { headerValues, RawClient } from "../helpers/raw-client";
import { connectRaw, deferred, disconnected, get, post, postLines, startServer } from "../helpers/servers";
import {
  chunked,
  expectBareErrorResponse,
  expectErrorResponse,
  expectExchange,
  expectRefused,
  roundTrip,
  smuggled,
  type Status,
} from "../helpers/wire-case";

const app = shareParityApp();

describe("an error response waits for its turn (9112 9.3.2)", () => {
  const longHead = `X-A: ${"v".repeat(20_000)}`;
  const bad: ReadonlyArray<readonly [name: string, bytes: string, status: Status]> = [
    ["unknown method", "BREW /bad HTTP/1.1\r\nHost: h\r\n\r\n", 501],
    ["not a request line", "\x01\x02\x03\r\n\r\n", 400],
    ["no version", "GET /bad\r\nHost: h\r\n\r\n", 400],
    ["HTTP/2.0", "GET /bad HTTP/2.0\r\nHost: h\r\n\r\n", 505],
    ["no Host", "GET /bad HTTP/1.1\r\n\r\n", 400],
    ["invalid header field", get("/bad", "X A: v"), 400],
    ["bare LF", "GET /bad HTTP/1.1\nHost: h\n\n", 400],
    ["request line too long", get(`/${"a".repeat(8300)}`), 414],
    ["head too large", get("/bad", longHead), 431],
    ["unknown expectation", get("/bad", "Expect: more"), 417],
    ["unknown coding", postLines("/bad", ["Transfer-Encoding: gzip, chunked"], "0\r\n\r\n"), 501],
    ["two lengths", postLines("/bad", ["Content-Length: 1", "Content-Length: 2"], "ab"), 400],
    ["length over maxBody", postLines("/bad", ["Content-Length: 8388609"], ""), 413],
    ["invalid chunk", postLines("/bad", [chunked], "x\r\n"), 400],
    ["invalid second chunk", postLines("/bad", [chunked], "1\r\na\r\n-1\r\n"), 400],
  ];
  const behind = [
    ["at once", false],
    ["in a packet of its own", true],
  ] as const;
  const rows = bad.flatMap(([name, bytes, status]) =>
    behind.map(([when, apart]) => ({ name, bytes, status, when, apart })),
  );

  test.each(rows)("$name, $when, behind a slow request", async ({ bytes, status, apart }) => {
    const send = apart ? [get("/slow"), bytes + smuggled] : get("/slow") + bytes + smuggled;
    const { responses } = await expectExchange(app, { send, statuses: [200, status], end: "gone", ran: ["GET /slow"] });
    expect(responses[0]?.body.toString()).toBe("slow done");
    // What the parser refuses in a packet of its own may be the end of a HEAD.
    const unknown = apart && headerValues(responses[1]!, "content-length").length === 0;
    if (unknown) expectBareErrorResponse(responses[1]);
    else expectErrorResponse(responses[1]);
  });

  test("behind three requests of which the first is slow", async () => {
    const send =
      get("/slow") + get("/noheaders") + postLines("/p", ["Content-Length: 2"], "hi") + "BREW /bad HTTP/1.1\r\n\r\n";
    const { responses } = await expectExchange(app, {
      send,
      statuses: [200, 200, 200, 501],
      end: "eof",
      ran: ["GET /slow", "GET /noheaders", "POST /p"],
    });
    expect(responses.map((response) => response.body.toString().slice(0, 20))).toEqual([
      "slow done",
      "plain body",
      '{"reqMethod":"POST",',
      "501 Not Implemented",
    ]);
  });

  test("behind a response that has begun", async () => {
    const begun = deferred();
    const gate = deferred();
    const gated = await startParityApp({}, async (request) => {
      if (request.url.path !== "/begun") return parityRoutes(request);
      await request.sendHeaders({ "Content-Length": "5" });
      begun.resolve();
      await gate.promise;
      await request.respond(200, "whole");
    });
    const client = await RawClient.connect(gated.server);
    await client.send(get("/begun"));
    await begun.promise;
    await client.send("BREW /bad HTTP/1.1\r\nHost: h\r\n\r\n");
    await roundTrip(gated);
    gate.resolve();
    const responses = await client.end();
    expect(responses.map((response) => [response.status, response.whole, response.body.toString()])).toEqual([
      [200, true, "whole"],
      [501, true, ""],
    ]);
  });

  test("the error of a body that its request's client still sends", async () => {
    const packets = [postLines("/bad", [chunked], "5\r\nhello\r\n"), "5\r\nhello\r\n", "zz\r\n"];
    await expectRefused(app, packets, 400);
  });
});

test("the last response to requests of one packet, of which some are not parsed yet, lets the client finish and go", async () => {
  const server = await startServer({ onError: () => {} });
  void server.serve(() => Promise.reject(new Error("the first response is the last")));
  const { client, socket } = await connectRaw(server);
  await client.send(get("/1") + post("/2", "body") + post("/3", "x".repeat(100_000)));
  expect((await client.end()).map(({ status }) => status)).toEqual([500]);
  client.destroy();
  await disconnected(socket);
});
