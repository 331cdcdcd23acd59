import { bareHead, decideHead, isInterim, refusalResponse, type Asked } from "../../lib/wire/response-head";
import { newHttpHeaders, type HeadersInit } from "../../lib/index";

const get: Asked = { method: "GET", minor: 1, last: false };
const head: Asked = { ...get, method: "HEAD" };
const old: Asked = { ...get, minor: 0 };
const connect: Asked = { ...get, method: "CONNECT" };

const length5 = { "Content-Length": "5" };
const chunked = { "Transfer-Encoding": "chunked" };

describe("decideHead: framing", () => {
  interface Row {
    readonly what: string;
    readonly code?: number;
    readonly asked?: Asked;
    readonly init?: HeadersInit;
    /** Bytes of the content, -1 for a source. */
    readonly size?: number;
    /** The framing line that goes out, if any. */
    readonly line: readonly [name: string, value: string] | undefined;
    readonly hasContent: boolean;
    readonly length: number;
  }
  const sent = (bytes: number): readonly [string, string] => ["Content-Length", String(bytes)];
  const coding = ["transfer-encoding", "chunked"] as const;

  test.each<Row>([
    { what: "text", line: sent(3), hasContent: true, length: 3 },
    { what: "no text", size: 0, line: sent(0), hasContent: true, length: 0 },
    { what: "a source", size: -1, line: undefined, hasContent: true, length: -1 },
    { what: "the caller's length", init: length5, line: sent(5), hasContent: true, length: 5 },
    { what: "the caller's length of 0", init: { "content-length": 0 }, line: sent(0), hasContent: true, length: 0 },
    { what: "the caller's length for a source", init: length5, size: -1, line: sent(5), hasContent: true, length: 5 },
    {
      what: "the caller's length twice",
      init: { "content-length": ["5", "5"] },
      line: sent(5),
      hasContent: true,
      length: 5,
    },
    { what: "the caller's chunked", init: chunked, line: coding, hasContent: true, length: -1 },
    { what: "RFC 9112 6.2: both", init: { ...chunked, ...length5 }, line: coding, hasContent: true, length: -1 },
    { what: "RFC 9112 6.1: chunked to 1.0", asked: old, init: chunked, line: sent(3), hasContent: true, length: 3 },
    { what: "RFC 9110 9.3.2: HEAD", asked: head, line: sent(3), hasContent: false, length: 3 },
    { what: "HEAD, a source", asked: head, size: -1, line: undefined, hasContent: false, length: -1 },
    { what: "HEAD, the caller's length", asked: head, init: length5, line: sent(5), hasContent: false, length: 5 },
    { what: "HEAD, chunked", asked: head, init: chunked, line: undefined, hasContent: false, length: -1 },
    { what: "RFC 9110 15.3.5: 204", code: 204, line: undefined, hasContent: false, length: -1 },
    { what: "204, the caller's length", code: 204, init: length5, line: undefined, hasContent: false, length: -1 },
    { what: "204, chunked", code: 204, init: chunked, line: undefined, hasContent: false, length: -1 },
    { what: "RFC 9110 15.3.6: 205", code: 205, line: sent(0), hasContent: false, length: 0 },
    { what: "205, the caller's length", code: 205, init: length5, line: sent(0), hasContent: false, length: 0 },
    { what: "RFC 9110 15.4.5: 304", code: 304, line: undefined, hasContent: false, length: -1 },
    { what: "304, the caller's length", code: 304, init: length5, line: sent(5), hasContent: false, length: 5 },
    { what: "304, chunked", code: 304, init: chunked, line: undefined, hasContent: false, length: -1 },
    { what: "RFC 9110 15.2: 101", code: 101, init: length5, line: undefined, hasContent: false, length: -1 },
    {
      what: "RFC 9110 9.3.6: 2xx to CONNECT",
      asked: connect,
      init: length5,
      line: undefined,
      hasContent: false,
      length: -1,
    },
    { what: "299 to CONNECT", code: 299, asked: connect, line: undefined, hasContent: false, length: -1 },
    { what: "300 to CONNECT", code: 300, asked: connect, line: sent(3), hasContent: true, length: 3 },
    { what: "203", code: 203, line: sent(3), hasContent: true, length: 3 },
    { what: "206", code: 206, line: sent(3), hasContent: true, length: 3 },
  ])("$what", ({ code = 200, asked = get, init, size = 3, line, hasContent, length }) => {
    const response = decideHead(code, init, size, asked);
    expect(response).toMatchObject({ code, hasContent, length });
    expect(response.fields).toEqual(line ?? []);
  });
});

describe("decideHead: the rest", () => {
  test("the caller's headers stay as they are, framing lines come last", () => {
    const init = [
      ["X-B", "1"],
      ["content-length", "3"],
      ["x-a", "2"],
      ["X-B", "3"],
    ] as const;
    const { fields } = decideHead(200, init, 3, get);
    expect(fields).toEqual(["x-b", "1", "x-a", "2", "x-b", "3", "Content-Length", "3"]);
  });

  test("given headers are not changed", () => {
    const init = newHttpHeaders(length5);
    decideHead(200, init, 3, get);
    expect([...init]).toEqual([["content-length", "5"]]);
  });

  const close = ["connection", "close"];
  test.each<[init: HeadersInit | undefined, last: boolean, line: string[], close: boolean]>([
    [undefined, false, [], false],
    [undefined, true, [], false],
    [{ Connection: "close" }, false, close, true],
    [{ Connection: "close" }, true, close, true],
    [{ connection: "Upgrade, Close" }, false, ["connection", "Upgrade, Close"], true],
    [{ connection: ["close", "upgrade"] }, false, ["connection", "close, upgrade"], true],
    [{ Connection: "keep-alive" }, false, ["connection", "keep-alive"], false],
    [{ Connection: "Keep-Alive" }, true, close, false],
    [{ Connection: "upgrade, keep-alive" }, true, ["connection", "upgrade, close"], false],
    [{ "X-Connection": "close" }, false, ["x-connection", "close"], false],
  ])("%j as the last response of the connection, %p: %j, the caller closes: %p", (init, last, line, closes) => {
    const response = decideHead(204, init, 0, { ...get, last });
    expect([response.fields, response.close]).toEqual([line, closes]);
  });

  test.each<[code: number, init: HeadersInit, refused: boolean]>([
    [200, { a: "b\n" }, false],
    [204, { a: "b\n" }, true],
    [304, { "a b": "c" }, true],
    [200, { Connection: "close", a: "b\0" }, true],
    [200, { a: "b", Connection: "close\r\n" }, true],
    [204, { a: "b", Connection: "close" }, false],
  ])("%i %j: refused before Node could remember something of it: %p", (code, init, refused) => {
    const decide = (): unknown => decideHead(code, init, 0, get);
    if (!refused) return void expect(decide).not.toThrow();
    expect(decide).toThrow(TypeError);
    expect(decide).toThrow(expect.objectContaining({ code: "ERR_INVALID_HEADER" }));
  });

  test.each<[code: number, reason: string]>([
    [200, "OK"],
    [404, "Not Found"],
    [413, "Request Entity Too Large"],
    [418, "I'm a teapot"],
    [299, ""],
    [599, ""],
  ])("%i %s", (code, reason) => {
    expect(decideHead(code, undefined, 0, get).reason).toBe(reason);
  });

  test.each([[99], [600], [200.5], [NaN], [-200], [Infinity], ["200"], [undefined], [null]])(
    "the status %p is no status",
    (code) => {
      const error = {
        name: "RangeError",
        code: "ERR_INVALID_STATUS",
        message: expect.stringContaining(String(code)) as string,
      };
      expect(() => decideHead(code as number, undefined, 0, get)).toThrow(expect.objectContaining(error));
    },
  );

  test.each<[init: HeadersInit]>([
    [{ "Content-Length": "-1" }],
    [{ "Content-Length": "five" }],
    [{ "Content-Length": "" }],
    [{ "Content-Length": "1.5" }],
    [{ "Content-Length": "1".repeat(16) }],
    [{ "Content-Length": ["5", "6"] }],
    [{ "Content-Length": "5, 5" }],
    [{ "Transfer-Encoding": "gzip" }],
    [{ "Transfer-Encoding": "gzip, chunked" }],
    [{ "Transfer-Encoding": "" }],
    ["text" as unknown as HeadersInit],
    [{ "x-object": {} } as unknown as HeadersInit],
  ])("%j cannot be sent", (init) => {
    const error = { name: "TypeError", code: "ERR_INVALID_HEADER" };
    expect(() => decideHead(200, init, 5, get)).toThrow(expect.objectContaining(error));
  });
});

test.each<[code: number, expected: boolean]>([
  [99, false],
  [100, true],
  [101, false],
  [102, true],
  [103, true],
  [199, true],
  [200, false],
])("isInterim(%i) is %p", (code, expected) => {
  expect(isInterim(code)).toBe(expected);
});

describe("bareHead", () => {
  test.each<[code: number, init: HeadersInit | undefined, bytes: string]>([
    [100, undefined, "HTTP/1.1 100 Continue\r\n\r\n"],
    [103, { Link: ["</a>", "</b>"] }, "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nlink: </b>\r\n\r\n"],
    [103, { ...length5, ...chunked }, "HTTP/1.1 103 Early Hints\r\n\r\n"],
  ])("%i %j", (code, init, bytes) => {
    expect(bareHead(code, init)).toBe(bytes);
  });

  test.each<[init: HeadersInit]>([[{ a: "1\n" }], [{ b: ["2", "3\0"] }], [{ "c d": "4" }]])("refuses %j", (init) => {
    expect(() => bareHead(103, init)).toThrow(expect.objectContaining({ code: "ERR_INVALID_HEADER" }));
  });
});

test.each<[code: number, content: string, line: string]>([
  [413, "413 Request Entity Too Large", "HTTP/1.1 413 Request Entity Too Large"],
  [400, "Bad Request. More about it.", "HTTP/1.1 400 Bad Request"],
])("refusalResponse(%i, %j)", (code, content, line) => {
  const [before, after] = refusalResponse({ status: code, text: content }).split("\r\n\r\n");
  const [first, ...headers] = before!.split("\r\n");
  expect([first, after]).toEqual([line, content]);
  expect(headers).toEqual([
    "Content-Type: text/plain",
    `Content-Length: ${content.length}`,
    expect.stringMatching(/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/),
    "Connection: close",
  ]);
});
