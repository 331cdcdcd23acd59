import type { IncomingMessage } from "node:http";
import { limitsOf, readHead } from "../../lib/wire/request-head";
import { RawClient } from "../helpers/raw-client";
import { get, startServing } from "../helpers/servers";

const limits = limitsOf(100, 16_384);

function refusalOf(url: string, host = "h", method = "GET"): number {
  const raw = { method, url, httpVersionMajor: 1, httpVersionMinor: 1, rawHeaders: ["Host", host] };
  return readHead(raw as unknown as IncomingMessage, limits).refusal;
}

/** Of Host and of an absolute-form target alike; only a Host may be empty. */
const VALID = [
  "h",
  "h.example",
  "h:80",
  "h:",
  "h:0",
  "h:65535",
  "127.0.0.1:8080",
  "[::1]",
  "[::1]:8080",
  "[::ffff:1.2.3.4]",
  "[fe80::1%25eth0]",
  "[v1.a:b]",
  "a_b.example",
  "a%20b",
  "a.b-c_d~e",
  "user%3Apass%40h",
];
const INVALID = [
  "h:80x",
  "h:80:80",
  "h:-1",
  "h:65536",
  "h:99999999999",
  "::1",
  "h::80",
  "[::1",
  "[::1]x",
  "[::1].:98",
  "x[::1]",
  "[]",
  "[h]",
  "[1]",
  "[:::]",
  "[1::2::3]",
  "[1:2:3:4:5:6:7:8:9]",
  "[v1]",
  "u@h",
  "u:p@h",
  "@h",
  "a@b@h",
  "{",
  "h\\x",
  "h h",
  "<h>",
  "h^",
  "a%2",
  "a%zz",
  "caf\xe9",
];

describe("the authority of Host and of an absolute-form target (RFC 9110 4.2.1, 4.2.4; RFC 9112 3.2, 3.2.2)", () => {
  test.each(VALID)("%s is accepted", (authority) => {
    expect(refusalOf("/", authority)).toBe(0);
    for (const end of ["/x", "", "/", "?q", "#f"]) expect(refusalOf(`http://${authority}${end}`)).toBe(0);
    expect(refusalOf(`HTTPS://${authority}/x`)).toBe(0);
    expect(refusalOf(`http://${authority}`, "h", "OPTIONS")).toBe(0);
  });

  test.each(INVALID)("%s: 400", (authority) => {
    expect(refusalOf("/", authority)).toBe(400);
    for (const end of ["/x", "", "?q", "#f"]) expect(refusalOf(`http://${authority}${end}`)).toBe(400);
    expect(refusalOf(`HTTPS://${authority}/x`)).toBe(400);
    expect(refusalOf(`http://${authority}`, "h", "OPTIONS")).toBe(400);
  });

  test.each(["", ":", ":80"])("an empty host, %j: of a target 400, in Host accepted (RFC 9112 3.2)", (authority) => {
    expect(refusalOf("/", authority)).toBe(0);
    for (const scheme of ["http", "https", "HTTP", "ws", "ftp"])
      expect(refusalOf(`${scheme}://${authority}/x`)).toBe(400);
  });

  test.each(["ws://h/x", "ftp://h:21/x"])("another scheme is held to the same rules: %s", (target) => {
    expect(refusalOf(target)).toBe(0);
    expect(refusalOf(target.replace("h", "u:p@h"))).toBe(400);
  });

  test("what stands behind the authority is not part of it", () => {
    expect(refusalOf("http://h/a@b:c[")).toBe(0);
    expect(refusalOf("http://h?u@x:y")).toBe(0);
  });

  test.each<[target: string, refusal: number]>([
    ["h:443", 0],
    ["h:65535", 0],
    ["[::1]:443", 0],
    ["a%20b:1", 0],
    ["h:65536", 400],
    ["h", 400],
    ["h:", 400],
    [":443", 400],
    ["::443", 400],
    ["[::1]", 400],
    ["[1]:443", 400],
    ["{:443", 400],
    ["u@h:443", 400],
  ])("the authority-form of CONNECT (RFC 9112 3.2.3) is held to them too: %s: %i", (target, refusal) => {
    expect(refusalOf(target, "h", "CONNECT")).toBe(refusal);
  });

  test("a path that looks like an absolute form is a path", () => {
    expect(refusalOf("/http://u:p@h/")).toBe(0);
    expect(refusalOf("//u:p@h/")).toBe(0);
  });
});

test.each([
  ["http://h:80:80/x", "GET"],
  ["http://h:80x/", "GET"],
  ["http://[::1/", "GET"],
  ["http:///x", "GET"],
  ["http://u:p@h/", "POST"],
  ["https://h:65536/", "OPTIONS"],
])("on the wire, %s gets 400 and is not run", async (target, method) => {
  const ran: string[] = [];
  const server = await startServing((request) => (ran.push(`${request.url}`), request.respond(200)));
  const client = await RawClient.connect(server, [method]);
  await client.send(`${method} ${target} HTTP/1.1\r\nHost: h\r\n\r\n${get("/smuggled")}`);
  expect((await client.end()).map(({ status }) => status)).toEqual([400]);
  expect(ran).toEqual([]);
});

test("the target's authority counts, not Host (RFC 9112 3.2.2); both are there to read", async () => {
  const server = await startServing((request) =>
    request.respond(200, `${request.url.hostname}:${request.url.port} ${request.headers.get("host")}`),
  );
  const client = await RawClient.connect(server);
  await client.send("GET http://a.example:81/x HTTP/1.1\r\nHost: b.example\r\n\r\n");
  expect(String((await client.read(1))[0]?.body)).toBe("a.example:81 b.example");
});
