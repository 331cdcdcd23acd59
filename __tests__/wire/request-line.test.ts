import type { AsyncHttpServer } from "../../lib/index";
import { noUrl, shareParityApp } from "../helpers/parity-app";
import { RawClient } from "../helpers/raw-client";
import { startServer } from "../helpers/servers";
import { echoOf, expectErrorResponse, expectExchange, expectRefused, plain, smuggled } from "../helpers/wire-case";

const app = shareParityApp();

let server: AsyncHttpServer;

beforeEach(async () => {
  server = await startServer();
});

describe("the request line (9112 3)", () => {
  test.each([8_191, 8_192])("of %d bytes is taken", async (length) => {
    const target = `/${"a".repeat(length - "GET / HTTP/1.1".length)}`;
    await expectExchange(app, { send: `GET ${target} ${plain}`, statuses: [200], end: "open", ran: [`GET ${target}`] });
  });

  test.each([8_193, 16_000, 20_000, 100_000])("of %d bytes: 414", async (length) => {
    const target = `/${"a".repeat(length - "GET / HTTP/1.1".length)}`;
    const { responses } = await expectExchange(app, {
      send: `GET ${target} ${plain}`,
      statuses: [414],
      end: "gone",
      ran: [],
    });
    expectErrorResponse(responses[0]);
  });

  // Node's parser does not tell in which line it stopped, and the last packet alone does not show it.
  test("that is too long, in two packets: 431", async () => {
    const send = [`GET /${"a".repeat(8_000)}`, `${"a".repeat(16_000)} ${plain}`];
    await expectExchange(app, { send, statuses: [431], end: "gone", ran: [] });
  });

  test("short, but a header field too long, in three packets: 431", async () => {
    const send = ["GET / HTTP/1.1\r\nHost: h\r\n", `X-A: ${"v".repeat(8_000)}`, `${"v".repeat(16_000)}\r\n\r\n`];
    await expectExchange(app, { send, statuses: [431], end: "gone", ran: [] });
  });
});

describe("methods", () => {
  test.each([
    "GET",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "MKCALENDAR",
    "PURGE",
    "LINK",
    "M-SEARCH",
  ])("%s reaches the handler", async (method) => {
    const send = `${method} /m HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi`;
    const { responses } = await expectExchange(app, { send, statuses: [200], end: "open", ran: [`${method} /m`] });
    expect(echoOf(responses[0])).toMatchObject({ reqMethod: method, bodyHex: "6869" });
  });

  test.each(["BREW", "get", "Get", "GETT", "GE", "X-METHOD", "FOO!"])("9110 9.1: %s: 501", async (method) => {
    const send = `${method} /m HTTP/1.1\r\nHost: h\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`;
    const { responses } = await expectExchange(app, { send, statuses: [501], end: "eof", ran: [] });
    expectErrorResponse(responses[0]);
  });

  test.each(["", "G@T", "G(T", '"GET"', "GET:", "G\x01T", "G\xe9T"])("no token, %j: 400", async (method) => {
    await expectExchange(app, { send: `${method} /m ${plain}${smuggled}`, statuses: [400], end: "eof", ran: [] });
  });
});

describe("target forms (9112 3.2)", () => {
  test.each([
    ["origin", "GET", "/p?q", { path: "/p", query: "q" }],
    ["origin, several slashes", "GET", "///p", { path: "///p" }],
    ["origin that looks like a host", "GET", "//evil.example/p", { path: "//evil.example/p" }],
    ["origin that holds a URI", "GET", "/http://h/p", { path: "/http://h/p" }],
    ["absolute", "GET", "http://a.example/p?q", { scheme: "http", hostname: "a.example", path: "/p", query: "q" }],
    ["absolute, another case", "GET", "HTTP://a.example/", { scheme: "HTTP", hostname: "a.example", path: "/" }],
    ["absolute, no path", "GET", "http://a.example", { scheme: "http", hostname: "a.example" }],
    ["absolute, only a query", "GET", "http://a.example?q", { scheme: "http", hostname: "a.example", query: "q" }],
    [
      "absolute, port",
      "PUT",
      "https://a.example:8443/",
      { scheme: "https", hostname: "a.example", port: "8443", path: "/" },
    ],
    ["asterisk", "OPTIONS", "*", { path: "*" }],
  ])("%s: %s %s", async (_name, method, target, url) => {
    const send = `${method} ${target} ${plain}`;
    const { responses } = await expectExchange(app, {
      send,
      statuses: [200],
      end: "open",
      ran: [`${method} ${target}`],
    });
    expect(echoOf(responses[0]).url).toEqual({ ...noUrl, ...url });
  });

  test.each([
    "p",
    "p/q",
    "?q",
    "#f",
    ":",
    "h:80",
    "mailto:a@h",
    "http:/h/p",
    "http:h",
    "http:",
    "h.example",
    "..",
    "**",
    "*/",
    "a b",
    "\\",
    "@",
    "[::1]:80",
  ])("none of the four, GET %s: 400", async (target) => {
    const { responses } = await expectExchange(app, {
      send: `GET ${target} ${plain}${smuggled}`,
      statuses: [400],
      end: "eof",
      ran: [],
    });
    expectErrorResponse(responses[0]);
  });

  test.each(["/", "/p", "*", "http://h/", "h", "h:", ":80", "h:x", "u@h:80", "h:80/"])(
    "CONNECT %s: 400",
    async (target) => {
      const send = `CONNECT ${target} ${plain}${smuggled}`;
      const { responses } = await expectExchange(app, {
        send,
        methods: ["CONNECT"],
        statuses: [400],
        end: "eof",
        ran: [],
      });
      expectErrorResponse(responses[0]);
    },
  );

  test.each([
    ["h.example:443", "h.example", "443"],
    ["127.0.0.1:80", "127.0.0.1", "80"],
    ["[::1]:80", "::1", "80"],
  ])("CONNECT %s, refused by the handler", async (target, hostname, port) => {
    const client = await RawClient.connect(server, ["CONNECT"]);
    await client.send(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
    const request = await server.acceptRequest();
    expect([request.reqMethod, request.url.hostname, request.url.port]).toEqual(["CONNECT", hostname, port]);
    await request.respond(403, "no tunnel");
    expect((await client.read(1)).map((response) => [response.status, response.body.toString()])).toEqual([
      [403, "no tunnel"],
    ]);
  });
});

describe("versions (9112 2.3)", () => {
  test.each([
    ["HTTP/1.1", "open"],
    ["HTTP/1.0", "eof"],
  ] as const)("%s is served", async (version, end) => {
    const { responses } = await expectExchange(app, {
      send: `GET /g ${version}\r\nHost: h\r\n\r\n`,
      statuses: [200],
      end,
      ran: ["GET /g"],
    });
    expect(echoOf(responses[0]).protocol.orig).toBe(version);
    expect(responses[0]?.head.split("\r\n")[0]).toBe("HTTP/1.1 200 OK");
  });

  test.each(["HTTP/2.0", "HTTP/3.0", "HTTP/9.9", "HTTP/0.0"])("%s: 505", async (version) => {
    await expectRefused(app, `GET /g ${version}\r\nHost: h\r\n\r\n${smuggled}`, 505);
  });

  test.each([
    "HTTP/1",
    "HTTP/1.",
    "HTTP/.1",
    "HTTP/11",
    "HTTP/1.11",
    "HTTP/01.1",
    "HTTP/-1.1",
    "HTTP/1,1",
    "http/1.1",
    "Http/1.1",
    "HTTP /1.1",
    "HTTP/ 1.1",
    "HTTP/1.1x",
    "HTTPS/1.1",
    "SPDY/3.1",
    "HTTP",
    "1.1",
    "x",
  ])("%s: 400", async (version) => {
    await expectRefused(app, `GET /g ${version}\r\nHost: h\r\n\r\n${smuggled}`, 400);
  });

  test("HTTP/0.9: 505 or 400", async () => {
    await expectRefused(app, `GET /g HTTP/0.9\r\nHost: h\r\n\r\n${smuggled}`, 400, 505);
  });

  test.each(["GET /g\r\n\r\n", "GET /g\r\nHost: h\r\n\r\n", "GET /g \r\nHost: h\r\n\r\n", "GET\r\nHost: h\r\n\r\n"])(
    "none, %j: 400",
    async (bytes) => {
      await expectRefused(app, bytes, 400);
    },
  );

  // RFC 9110 2.5 would have them treated as 1.1, but Node's parser refuses them.
  test.each(["HTTP/1.2", "HTTP/1.9"])("%s: 505", async (version) => {
    await expectRefused(app, `GET /g ${version}\r\nHost: h\r\n\r\n${smuggled}`, 505);
  });
});
