import { limitsOf, methodOfRefused, statusOfParseError, type ParseError } from "../../lib/wire/request-head";
import { headerValues, RawClient, type RawResponse } from "../helpers/raw-client";
import { get, post, startServing } from "../helpers/servers";

const limits = limitsOf(100, 16_384);

/** A parse error behind the bytes up to the `^`, which is not one of them. */
function errorAt(marked: string, code = "HPE_INVALID_CONSTANT"): ParseError {
  const bytesParsed = marked.indexOf("^");
  return Object.assign(new Error(), { code, rawPacket: Buffer.from(marked.replace("^", ""), "latin1"), bytesParsed });
}

describe("methodOfRefused", () => {
  test.each<[what: string, packet: string, first: string | undefined, later: string | undefined]>([
    ["a request line", "GET / HTTP/2^.0\r\nHost: a\r\n\r\n", "GET", undefined],
    ["of HEAD", "HEAD / HTTP/2^.0\r\nHost: a\r\n\r\n", undefined, undefined],
    ["of another case", "head^ / HTTP/1.1\r\n\r\n", undefined, undefined],
    ["a header field", "GET / HTTP/1.1\r\nHost: a\r\nBad ^Name: x\r\n\r\n", "GET", undefined],
    ["a header field of HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\nBad ^Name: x\r\n\r\n", undefined, undefined],
    ["a method that is none", "BREW^ / HTTP/1.1\r\n\r\n", "BREW", undefined],
    ["no method", "\x16\x03^\x01\r\n", "\x16\x03\x01", undefined],
    ["empty lines first", "\r\n\r\nGET / HTTP/2^.0\r\n", "GET", "GET"],
    ["one empty line first", "\r\nHEAD / HTTP/2^.0\r\n", undefined, undefined],
    ["behind a whole request", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPUT / HTTP/2^.0\r\n", "PUT", "PUT"],
    ["HEAD behind a whole request", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/2^.0\r\n", undefined, undefined],
    [
      "HEAD behind a body",
      "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbodyHEAD / HTTP/2^.0\r\n",
      undefined,
      undefined,
    ],
    [
      "HEAD behind a body that looks like a request line",
      "POST / HTTP/1.1\r\nContent-Length: 16\r\n\r\nGET / HTTP/1.1\r\nHEAD / HTTP/1.1\r\nHost: a\r\nBad ^Name: x",
      undefined,
      undefined,
    ],
    [
      "HEAD with the end of its head",
      "GET / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n^",
      undefined,
      undefined,
    ],
    ["POST with the end of its head", "POST / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n^", "POST", undefined],
    ["a bare line feed", "HEAD / HTTP/1.1\n^Host: a\r\n\r\n", undefined, undefined],
    ["a tab behind HEAD", "HEAD^\t/ HTTP/1.1\r\n\r\n", undefined, undefined],
    ["the packet ends in the method", "HE^", undefined, undefined],
    ["the packet ends in another method", "OPT^", "OPT", undefined],
    ["nothing", "^", undefined, undefined],
    ["a packet that begins within a head", "X-A: 1\r\nBad ^Name: x", "X-A:", undefined],
  ])("%s", (_what, packet, first, later) => {
    expect(methodOfRefused(errorAt(packet), true)).toBe(first);
    expect(methodOfRefused(errorAt(packet), false)).toBe(later);
  });

  test("of an error without a packet nothing is known", () => {
    expect(methodOfRefused(new Error(), true)).toBeUndefined();
    expect(methodOfRefused(new Error(), false)).toBeUndefined();
  });
});

describe("414 or 431 (RFC 9112 3)", () => {
  const line = (bytes: number): string => `GET /${"a".repeat(bytes - "GET / HTTP/1.1".length)} HTTP/1.1`;

  test.each<[status: number, what: string, marked: string, isFirst: boolean]>([
    [431, "a request line of 8,192 bytes, then too much", `${line(8192)}\r\nX: ^b`, true],
    [414, "a request line of 8,193 bytes, then too much", `${line(8193)}\r\nX: ^b`, true],
    [431, "a packet of which the start is not known", `${"v".repeat(9000)}\r\nX: ^b`, false],
    [414, "the same behind a whole request", `GET / HTTP/1.1\r\n\r\n${line(8193)}\r\nX: ^b`, false],
  ])("%i: %s", (status, _what, marked, isFirst) => {
    expect(statusOfParseError(errorAt(marked, "HPE_HEADER_OVERFLOW"), limits, isFirst)).toBe(status);
  });

  test("the limit is 8 KiB unless that of the whole head was raised", () => {
    expect([0, 4_096, 16_384, 16_385, 65_536].map((size) => limitsOf(1, size).requestLine)).toEqual([
      8_192, 8_192, 8_192, 16_385, 65_536,
    ]);
  });

  test.each<[maxHeaderSize: number | undefined, bytes: number, status: number]>([
    [undefined, 8_192, 200],
    [undefined, 8_193, 414],
    [4_096, 4_000, 200],
    [4_096, 4_200, 414],
    [16_384, 8_193, 414],
    [32_768, 8_193, 200],
    [32_768, 32_000, 200],
    [32_768, 33_000, 414],
  ])("maxHeaderSize %p, a request line of %i bytes: %i", async (maxHeaderSize, bytes, status) => {
    const http = maxHeaderSize === undefined ? {} : { maxHeaderSize };
    const server = await startServing((request) => request.respond(200), { http });
    const client = await RawClient.connect(server);
    await client.send(`${line(bytes)}\r\nHost: h\r\n\r\n`);
    expect((await client.read(1)).map((response) => response.status)).toEqual([status]);
  });

  test("a long request line and then too many header fields is 414 still", async () => {
    const server = await startServing((request) => request.respond(200));
    const client = await RawClient.connect(server);
    await client.send(`${line(9_000)}\r\nHost: h\r\nX-A: ${"v".repeat(9_000)}\r\n\r\n`);
    expect((await client.end()).map((response) => response.status)).toEqual([414]);
  });
});

describe("the response to a request that is refused", () => {
  const REFUSED: ReadonlyArray<readonly [what: string, status: number, rest: string]> = [
    ["HTTP/2.0", 505, " / HTTP/2.0\r\nHost: a\r\n\r\n"],
    ["a version that is none", 400, " / HTTP/1+.1\r\nHost: a\r\n\r\n"],
    ["a bare line feed", 400, " / HTTP/1.1\nHost: a\r\n\r\n"],
    ["a long request line", 414, ` /${"a".repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`],
    ["long headers", 431, ` / HTTP/1.1\r\nHost: a\r\nX: ${"a".repeat(20_000)}\r\n\r\n`],
    ["a bad header name", 400, " / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n"],
    ["obs-fold", 400, " / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n"],
    ["two framings", 400, " / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["a length that is none", 400, " / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"],
    ["a bad chunk", 400, " / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"],
    ["no Host", 400, " / HTTP/1.1\r\n\r\n"],
    ["an expectation", 417, " / HTTP/1.1\r\nHost: a\r\nExpect: pony\r\n\r\n"],
    ["a body that is too long", 413, " / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n"],
    ["a coding that is not known", 501, " / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
  ];

  async function refuse(methods: readonly string[], bytes: string): Promise<RawResponse> {
    const server = await startServing((request) => request.respond(200), { maxBody: 100 });
    const client = await RawClient.connect(server, methods);
    await client.send(bytes);
    return (await client.end()).at(-1)!;
  }

  test.each(REFUSED)("RFC 9110 9.3.2: %s, to HEAD %i without content", async (_what, status, rest) => {
    const response = await refuse(["HEAD"], `HEAD${rest}`);
    expect([response.status, response.body.length]).toEqual([status, 0]);
    expect(headerValues(response, "connection")).toEqual(["close"]);
  });

  test.each(REFUSED)("%s, behind another request, to HEAD %i without content", async (_what, status, rest) => {
    const response = await refuse(["GET", "HEAD"], `${get("/")}HEAD${rest}`);
    expect([response.status, response.body.length]).toEqual([status, 0]);
  });

  test.each(REFUSED)("%s, behind a body, to HEAD %i without content", async (_what, status, rest) => {
    const response = await refuse(["POST", "HEAD"], `${post("/", "body")}HEAD${rest}`);
    expect([response.status, response.body.length]).toEqual([status, 0]);
  });

  test.each(REFUSED)("%s, to POST %i with a text", async (_what, status, rest) => {
    const response = await refuse(["POST"], `POST${rest}`);
    expect([response.status, String(response.body)]).toEqual([status, expect.stringMatching(`^${status} `)]);
  });

  test("where the head came in pieces and the method is not known, there is neither content nor a length", async () => {
    const server = await startServing((request) => request.respond(200));
    const client = await RawClient.connect(server);
    await client.sendBytewise("GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n");
    const [response] = await client.end();
    expect([response?.status, response?.body.length, headerValues(response!, "content-length")]).toEqual([400, 0, []]);
  });
});
