import type { AsyncHttpServer } from "../../lib/index";
import { shareParityApp } from "../helpers/parity-app";
import { headerValues, RawClient } from "../helpers/raw-client";
import { get, postLines, startServer } from "../helpers/servers";
import { answered, chunked, echoOf, expectExchange, expectServed, smuggled } from "../helpers/wire-case";

const app = shareParityApp();

let server: AsyncHttpServer;

beforeEach(async () => {
  server = await startServer();
});

const good = get("/good");

describe("Connection is a list of tokens (9110 7.6.1)", () => {
  test.each([
    ["close"],
    ["Close"],
    ["CLOSE"],
    ["\tclose"],
    ["close\t"],
    [" \t close \t "],
    ["keep-alive, close"],
    ["close, keep-alive"],
    ["TE,\tclose"],
    ["TE\t,close"],
    ["x,y , close ,z"],
    [",close"],
    ["close,"],
    ["keep-alive", "close"],
    ["close", "keep-alive"],
    ["TE", "X", "Close"],
  ])("%j %j closes", async (...values) => {
    const send = get("/g", ...values.map((value) => `Connection:${value}`), "X: 1") + smuggled;
    const { responses } = await expectExchange(app, { send, statuses: [200], end: "gone", ran: ["GET /g"] });
    expect(headerValues(responses[0]!, "connection")).toEqual(["close"]);
  });

  test.each(["", "keep-alive", "closed", "x-close", "close-x", "close x", "TE, closed", "not-close,closed"])(
    "%j stays open",
    async (value) => {
      await expectServed(app, get("/g", `Connection: ${value}`), "GET /g");
    },
  );

  test.each(["keep-alive", "Keep-Alive", "TE, keep-alive", " keep-alive "])(
    "%j keeps HTTP/1.0 open, and says so",
    async (value) => {
      const send = `GET /g HTTP/1.0\r\nConnection:${value}\r\n\r\n`;
      const { responses } = await expectExchange(app, { send, statuses: [200], end: "open", ran: ["GET /g"] });
      expect(headerValues(responses[0]!, "connection").join().toLowerCase()).toBe("keep-alive");
    },
  );

  test.each(["close", "keep-alive, close", "close, keep-alive", "keep-alive-x", "TE", ""])(
    "%j closes HTTP/1.0",
    async (value) => {
      const send = `GET /g HTTP/1.0\r\nConnection: ${value}\r\n\r\n`;
      await expectExchange(app, { send, statuses: [200], end: "eof", ran: ["GET /g"] });
    },
  );

  test.each([
    ["in one line", ["keep-alive, close"]],
    ["in two lines", ["keep-alive", "close"]],
  ])("close %s on the second of three", async (_name, values) => {
    const send = get("/1") + get("/2", ...values.map((value) => `Connection: ${value}`)) + get("/3");
    await expectExchange(app, { send, statuses: [200, 200], end: "gone", ran: ["GET /1", "GET /2"] });
  });
});

describe("the caller's Connection and Date", () => {
  const last = [
    { asked: "a request with close", send: "GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" },
    { asked: "HTTP/1.0", send: "GET /last HTTP/1.0\r\n\r\n" },
  ];
  const values = ["keep-alive", "Keep-Alive", "x-token", "close", "x-token, close"];
  const rows = last.flatMap((row) => values.map((value) => ({ ...row, value })));

  test.each(rows)("9112 9.6: $value to $asked does not keep the connection open", async ({ send, value }) => {
    const client = await RawClient.connect(server);
    await client.send(send + good);
    await (await server.acceptRequest()).respond(200, "last", { Connection: value });
    const [response] = await client.end();
    expect(response?.body.toString()).toBe("last");
    expect(headerValues(response!, "connection").join().toLowerCase()).toMatch(/(^|[ ,])close$/);
  });

  test.each(["close", "Close", "CLOSE", "x-token, close", "close , x-token"])(
    "%j ends the connection",
    async (value) => {
      const client = await RawClient.connect(server);
      await client.send(good + good);
      await (await server.acceptRequest()).respond(200, "last", { Connection: value });
      expect((await client.end()).map((response) => response.body.toString())).toEqual(["last"]);
    },
  );

  test.each(["keep-alive", "x-token", "closed"])("%j keeps it", async (value) => {
    const [response] = await answered(server, (request) => request.respond(200, "x", { Connection: value }));
    expect(headerValues(response!, "connection").join().toLowerCase()).toContain(value);
  });

  test("the caller's Date is the only one", async () => {
    const date = "Sun, 06 Nov 1994 08:49:37 GMT";
    const [response] = await answered(server, (request) => request.respond(200, "x", { Date: date }));
    expect(headerValues(response!, "date")).toEqual([date]);
  });
});

describe("bytes behind the last request", () => {
  const garbage = "\x00\x01garbage \r\n\r\n";
  const ends: ReadonlyArray<readonly [name: string, request: string, ran: string]> = [
    ["a GET with Connection: close", get("/g", "Connection: close"), "GET /g"],
    ["a slow GET with Connection: close", get("/slow", "Connection: close"), "GET /slow"],
    ["a POST with Connection: close", postLines("/p", ["Content-Length: 5", "Connection: close"], "hello"), "POST /p"],
    [
      "a chunked POST with Connection: close",
      postLines("/p", [chunked, "Connection: close"], "1\r\na\r\n0\r\n\r\n"),
      "POST /p",
    ],
    ["an HTTP/1.0 request", "GET /g HTTP/1.0\r\n\r\n", "GET /g"],
    ["an HTTP/1.0 POST", "POST /p HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", "POST /p"],
    ["a GET which the handler answers with close", get("/close"), "GET /close"],
  ];
  const tails: ReadonlyArray<readonly [name: string, bytes: string]> = [
    ["a request", smuggled],
    ["garbage", garbage],
    ["half a request", "GET /smug"],
    ["an invalid head", "BREW / HTTP/1.1\r\n\r\n"],
    ["64 KiB of zeros", "\0".repeat(65_536)],
  ];
  const rows = ends.flatMap(([end, request, ran]) =>
    tails.map(([tail, bytes]) => ({ end, request, ran, tail, bytes })),
  );

  test.each(rows)("9112 9.6: $tail behind $end is ignored", async ({ request, bytes, ran }) => {
    const { responses } = await expectExchange(app, {
      send: request + bytes,
      statuses: [200],
      end: "gone",
      ran: [ran],
    });
    expect(headerValues(responses[0]!, "connection")).toEqual(["close"]);
  });

  test("9112 9.6: what comes later behind a slow last request is ignored", async () => {
    const send = [get("/slow", "Connection: close"), smuggled, garbage];
    await expectExchange(app, { send, statuses: [200], end: "gone", ran: ["GET /slow"] });
  });

  test.each([
    ["garbage", garbage],
    ["more body than announced", "there"],
  ])("%s behind a body whose connection stays open: the good response, then 400", async (_name, bytes) => {
    const send = postLines("/p", ["Content-Length: 5"], "hello") + bytes + "\r\n\r\n";
    const { responses } = await expectExchange(app, {
      send,
      statuses: [200, [400, 501]],
      end: "eof",
      ran: ["POST /p"],
    });
    expect(echoOf(responses[0]).bodyLen).toBe(5);
  });

  test("9112 2.2: an empty line behind a body is no garbage", async () => {
    const send = `${postLines("/p", ["Content-Length: 5"], "hello")}\r\n${get("/g")}`;
    await expectExchange(app, { send, statuses: [200, 200], end: "open", ran: ["POST /p", "GET /g"] });
  });
});
