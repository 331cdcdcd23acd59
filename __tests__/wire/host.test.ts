import { shareParityApp } from "../helpers/parity-app";
import { expectExchange, expectRefused, expectServed, smuggled } from "../helpers/wire-case";

const app = shareParityApp();

describe("Host (9112 3.2)", () => {
  const request = (...lines: readonly string[]): string =>
    `GET /g HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;

  test.each([
    "h",
    "h.example",
    "h:80",
    "h:",
    "127.0.0.1:8080",
    "[::1]",
    "[::1]:8080",
    "[::1]:65535",
    "[fe80::1%25eth0]",
    "[v1.x]",
    "h:0",
    "h:00080",
    "h:59999",
    "h:65535",
    "a_b.example",
    "a%20b",
    "xn--bcher-kva.example",
    "",
  ])("%j is taken", async (host) => {
    const echo = await expectServed(app, request(`Host: ${host}`), "GET /g");
    expect(echo.headers).toEqual([["host", host]]);
  });

  test.each([
    "a b",
    "a/b",
    "a\\b",
    "u@h",
    "h?x",
    "h#x",
    "h:port",
    "h:80:80",
    "h:-1",
    ":80:",
    "::1",
    "[::1",
    "[::1]x",
    "[]",
    "[h]",
    "[1::2::3]",
    "[::1]:65536",
    "h:65536",
    "h:65540",
    "h:70000",
    "h:0100000",
    "<h>",
    '"h"',
    "h^",
    "{h}",
    "h|",
    "http://h",
    "a%2",
    "a%zz",
    "caf\xe9",
  ])("%j: 400", async (host) => {
    await expectRefused(app, request(`Host: ${host}`) + smuggled, 400);
  });

  test.each([
    ["none", []],
    ["two equal lines", ["Host: h", "Host: h"]],
    ["two different lines", ["Host: h", "Host: other"]],
    ["two in different letters", ["host: h", "HOST: h"]],
    ["two, the first empty", ["Host:", "Host: h"]],
    ["two, the second empty", ["Host: h", "Host:"]],
    ["two, other lines between", ["Host: h", "X-A: 1", "X-B: 2", "Host: h"]],
  ])("%s: 400", async (_name, lines) => {
    await expectRefused(app, request(...lines) + smuggled, 400);
  });

  test("none, although the target has an authority: 400", async () => {
    await expectRefused(app, "GET http://h.example/g HTTP/1.1\r\n\r\n", 400);
  });

  test("none in HTTP/1.0 is taken", async () => {
    const send = "GET /g HTTP/1.0\r\n\r\n";
    await expectExchange(app, { send, statuses: [200], end: "eof", ran: ["GET /g"] });
  });

  test.each(["Host: h\r\nHost: h", "Host: a b"])("%j in HTTP/1.0: 400", async (lines) => {
    await expectRefused(app, `GET /g HTTP/1.0\r\n${lines}\r\n\r\n`, 400);
  });
});
