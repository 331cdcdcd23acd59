import type { IncomingMessage } from "node:http";
import { asksToClose, elementsOf, hasBody, limitsOf, readHead, statusOfParseError } from "../../lib/wire/request-head";

interface Given {
  readonly method?: string;
  readonly url?: string;
  readonly version?: readonly [major: number, minor: number];
  readonly lines?: ReadonlyArray<readonly [name: string, value: string]>;
}

const host = ["Host", "h"] as const;

/** As much of a message as the head is read from. */
function message({ method = "GET", url = "/", version = [1, 1], lines = [host] }: Given): IncomingMessage {
  const [httpVersionMajor, httpVersionMinor] = version;
  return { method, url, httpVersionMajor, httpVersionMinor, rawHeaders: lines.flat() } as unknown as IncomingMessage;
}

const limits = limitsOf(100, 16_384);
const nothing = { refusal: 0, length: 0, close: false };

describe("readHead", () => {
  test.each<[what: string, given: Given, expected: Partial<typeof nothing>]>([
    ["a GET", {}, {}],
    ["a length", { lines: [host, ["Content-Length", "12"]] }, { length: 12 }],
    ["a length of maxBody", { lines: [host, ["content-length", "100"]] }, { length: 100 }],
    ["a length of one more", { lines: [host, ["CONTENT-LENGTH", "101"]] }, { length: 101, refusal: 413 }],
    ["chunked", { lines: [host, ["Transfer-Encoding", "chunked"]] }, { length: -1 }],
    ["chunked, in other letters", { lines: [host, ["transfer-encoding", " Chunked\t"]] }, { length: -1 }],
    [
      "RFC 9112 6.1: an unknown coding",
      { lines: [host, ["Transfer-Encoding", "gzip, chunked"]] },
      { length: -1, refusal: 501 },
    ],
    [
      "an unknown coding on a line of its own",
      { lines: [host, ["Transfer-Encoding", "gzip"], ["Transfer-Encoding", "chunked"]] },
      { length: -1, refusal: 501 },
    ],
    [
      "RFC 9112 6.3: chunked is not last",
      { lines: [host, ["Transfer-Encoding", "chunked, gzip"]] },
      { length: -1, refusal: 400 },
    ],
    ["chunked twice", { lines: [host, ["Transfer-Encoding", "chunked, chunked"]] }, { length: -1, refusal: 400 }],
    ["no chunked at all", { lines: [host, ["Transfer-Encoding", "gzip"]] }, { length: -1, refusal: 400 }],
    ["an empty coding", { lines: [host, ["Transfer-Encoding", ""]] }, { length: -1, refusal: 400 }],
    ["an empty element", { lines: [host, ["Transfer-Encoding", ", chunked"]] }, { length: -1, refusal: 400 }],
    [
      "RFC 9112 6.1: chunked in HTTP/1.0",
      { version: [1, 0], lines: [["Transfer-Encoding", "chunked"]] },
      { length: -1, refusal: 400 },
    ],
    ["HTTP/1.0 without Host", { version: [1, 0], lines: [] }, {}],
    ["HTTP/1.1 without Host", { lines: [] }, { refusal: 400 }],
    ["two Host lines, equal", { lines: [host, host] }, { refusal: 400 }],
    ["two Host lines in HTTP/1.0", { version: [1, 0], lines: [host, ["HOST", "i"]] }, { refusal: 400 }],
    ["an empty Host", { lines: [["Host", ""]] }, {}],
    ["a Host with a port", { lines: [["Host", "example.com:8080"]] }, {}],
    ["a Host that is IPv6", { lines: [["Host", "[::1]:80"]] }, {}],
    ["a Host with a path", { lines: [["Host", "h/path"]] }, { refusal: 400 }],
    ["a Host with a user", { lines: [["Host", "user@h"]] }, { refusal: 400 }],
    ["a Host with a space", { lines: [["Host", "a b"]] }, { refusal: 400 }],
    ["a Host with two ports", { lines: [["Host", "h:1:2"]] }, { refusal: 400 }],
    ["HTTP/1.2", { version: [1, 2] }, { refusal: 505 }],
    ["HTTP/2.0", { version: [2, 0] }, { refusal: 505 }],
    ["HTTP/0.9", { version: [0, 9] }, { refusal: 400 }],
    ["a request line of 8192 bytes", { url: `/${"a".repeat(8192 - "GET / HTTP/1.1".length)}` }, {}],
    ["a request line of 8193 bytes", { url: `/${"a".repeat(8193 - "GET / HTTP/1.1".length)}` }, { refusal: 414 }],
    ["10,000 header fields", { lines: [host, ...Array.from({ length: 9_999 }, () => ["a", "b"] as const)] }, {}],
    [
      "10,001 header fields",
      { lines: [host, ...Array.from({ length: 10_000 }, () => ["a", "b"] as const)] },
      { refusal: 431 },
    ],
    ["Connection: close", { lines: [host, ["Connection", "close"]] }, { close: true }],
    ["Connection: keep-alive", { lines: [host, ["Connection", "keep-alive"]] }, {}],
    ["close in a list, with a tab", { lines: [host, ["connection", "x,\tClose , y"]] }, { close: true }],
    [
      "close on the first of two lines",
      { lines: [host, ["Connection", "close"], ["Connection", "x"]] },
      { close: true },
    ],
    ["close as a part of a token", { lines: [host, ["Connection", "disclosed, close-by"]] }, {}],
    [
      "names of those lengths that are others",
      {
        lines: [host, ["Hast", "x y"], ["Connektion", "close"], ["Content-Lengtz", "1"], ["Transfer-Encodinx", "gzip"]],
      },
      {},
    ],
    ["RFC 9112 3.2.4: asterisk-form", { method: "OPTIONS", url: "*" }, {}],
    ["RFC 9112 3.2.2: absolute-form", { url: "http://h/path" }, {}],
    ["RFC 9112 3.2.3: authority-form", { method: "CONNECT", url: "h:443" }, {}],
    ["authority-form, IPv6", { method: "CONNECT", url: "[::1]:443" }, {}],
    ["CONNECT without a port", { method: "CONNECT", url: "h" }, { refusal: 400 }],
    ["CONNECT to a path", { method: "CONNECT", url: "/path" }, { refusal: 400 }],
    ["GET of an authority", { url: "h:443" }, { refusal: 400 }],
    ["GET of a bare word", { url: "path" }, { refusal: 400 }],
  ])("%s", (_what, given, expected) => {
    expect(readHead(message(given), limits)).toEqual({ ...nothing, ...expected });
  });
});

test.each<[expected: boolean, given: Given]>([
  [false, {}],
  [false, { lines: [host, ["Content-Length", "0"]] }],
  [true, { lines: [host, ["Content-Length", "1"]] }],
  [true, { lines: [host, ["Transfer-Encoding", "chunked"]] }],
])("hasBody: %p for %j", (expected, given) => {
  expect(hasBody(message(given))).toBe(expected);
});

test.each<[list: string, elements: string[]]>([
  ["", [""]],
  ["a", ["a"]],
  ["a, B ,\tc", ["a", "B", "c"]],
  [",a", ["", "a"]],
])("elementsOf(%j)", (list, elements) => {
  expect(elementsOf(list)).toEqual(elements);
});

test.each<[value: string, expected: boolean]>([
  ["close", true],
  ["Close", true],
  ["upgrade, close", true],
  ["keep-alive", false],
  ["", false],
  ["closed", false],
])("asksToClose(%j) is %p", (value, expected) => {
  expect(asksToClose(value)).toBe(expected);
});

test("a Host that is asked for again and again is checked each time", () => {
  const hosts = ["h", "h", "a b", "a b", "h", "a b", "h"];
  const refusals = hosts.map((value) => readHead(message({ lines: [["Host", value]] }), limits).refusal);
  expect(refusals).toEqual([0, 0, 400, 400, 0, 400, 0]);
});

describe("statusOfParseError", () => {
  interface Row {
    readonly code: string;
    readonly packet?: string;
    readonly parsed?: number;
    readonly reason?: string;
  }

  test.each<[status: number, what: string, row: Row]>([
    [408, "a request that took too long", { code: "ERR_HTTP_REQUEST_TIMEOUT" }],
    [414, "the head overflows in its first line", { code: "HPE_HEADER_OVERFLOW", packet: "GET /aaaa", parsed: 9 }],
    [
      431,
      "the head overflows in a later line",
      { code: "HPE_HEADER_OVERFLOW", packet: "GET / HTTP/1.1\r\nA: b", parsed: 20 },
    ],
    [
      414,
      "the head overflows before the line end that arrived with it",
      { code: "HPE_HEADER_OVERFLOW", packet: "GET /aaaa HTTP/1.1\r\n", parsed: 9 },
    ],
    [431, "the head overflows, and nothing else is known", { code: "HPE_HEADER_OVERFLOW", packet: "\n" }],
    [501, "a method that is not known", { code: "HPE_INVALID_METHOD", packet: "BREW / HTTP/1.1\r\n", parsed: 1 }],
    [
      501,
      "such a method behind a good request",
      { code: "HPE_INVALID_METHOD", packet: "GET / HTTP/1.1\r\n\r\nBREW /pot HTTP/1.0\r\n", parsed: 19 },
    ],
    [400, "no request line", { code: "HPE_INVALID_METHOD", packet: "\x16\x03\x01\r\n", parsed: 0 }],
    [400, "an unknown method of no HTTP/1", { code: "HPE_INVALID_METHOD", packet: "BREW / HTCPCP/1.0\r\n", parsed: 1 }],
    [400, "the packet ends in the middle of the line", { code: "HPE_INVALID_METHOD", packet: "BREW /", parsed: 1 }],
    [505, "a version that is not known", { code: "HPE_INVALID_VERSION", packet: "GET / HTTP/3.0\r\n", parsed: 11 }],
    [400, "no version", { code: "HPE_INVALID_VERSION", packet: "GET / HTTP/x\r\n", parsed: 11 }],
    [413, "a length beyond all numbers", { code: "HPE_INVALID_CONTENT_LENGTH", reason: "Content-Length overflow" }],
    [
      400,
      "a length that is none",
      { code: "HPE_INVALID_CONTENT_LENGTH", reason: "Invalid character in Content-Length" },
    ],
    [400, "anything else", { code: "HPE_INVALID_CONSTANT" }],
    [400, "an error without a packet", { code: "HPE_INVALID_METHOD" }],
  ])("%i: %s", (status, _what, { code, packet, parsed, reason }) => {
    const rawPacket = packet === undefined ? {} : { rawPacket: Buffer.from(packet, "latin1") };
    const error = Object.assign(new Error(), { code }, rawPacket, parsed === undefined ? {} : { bytesParsed: parsed });
    expect(statusOfParseError(reason === undefined ? error : Object.assign(error, { reason }), limits, false)).toBe(
      status,
    );
  });
});
