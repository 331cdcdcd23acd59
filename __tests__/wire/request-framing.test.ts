import { shareParityApp } from "../helpers/parity-app";
import { RawClient } from "../helpers/raw-client";
import { get, postLines } from "../helpers/servers";
import { chunked, echoOf, expectRefused, expectServed, smuggled } from "../helpers/wire-case";

const app = shareParityApp();

describe("Transfer-Encoding (9112 6.1, 6.3)", () => {
  const body = `5\r\nhello\r\n0\r\n\r\n`;

  test.each(["chunked", "CHUNKED", "Chunked", " chunked", "\t chunked", "chunked  "])("%j is taken", async (coding) => {
    const echo = await expectServed(app, postLines("/c", [`Transfer-Encoding:${coding}`], body), "POST /c");
    expect(echo.bodyLen).toBe(5);
  });

  test.each(["PUT", "PATCH", "DELETE", "GET", "OPTIONS", "PROPFIND"])("chunked is taken with %s", async (method) => {
    const echo = await expectServed(
      app,
      `${method} /c HTTP/1.1\r\nHost: h\r\n${chunked}\r\n\r\n${body}`,
      `${method} /c`,
    );
    expect(echo.bodyLen).toBe(5);
  });

  const refused: ReadonlyArray<readonly [lines: readonly string[], statuses: readonly number[]]> = [
    [["Transfer-Encoding: gzip, chunked"], [501]],
    [["Transfer-Encoding: identity, chunked"], [501]],
    [["Transfer-Encoding: x-unknown, chunked"], [501]],
    [["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"], [501]],
    [["Transfer-Encoding: gzip"], [400, 501]],
    [["Transfer-Encoding: identity"], [400, 501]],
    [["Transfer-Encoding: xchunked"], [400, 501]],
    [["Transfer-Encoding: chunked-x"], [400, 501]],
    [["Transfer-Encoding: chunkedchunked"], [400, 501]],
    [["Transfer-Encoding: chunked;q=1"], [400, 501]],
    [['Transfer-Encoding: "chunked"'], [400, 501]],
    [["Transfer-Encoding: chunked, gzip"], [400]],
    [["Transfer-Encoding: chunked, identity"], [400]],
    [["Transfer-Encoding: chunked", "Transfer-Encoding: gzip"], [400]],
    [["Transfer-Encoding: chunked, chunked"], [400]],
    [["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], [400]],
    [["Transfer-Encoding: gzip chunked"], [400, 501]],
    [["Transfer-Encoding:"], [400]],
    [["Transfer-Encoding: "], [400]],
    [["Transfer-Encoding: ,"], [400, 501]],
    [["Transfer-Encoding:", "Content-Length: 5"], [400]],
    [["Content-Length: 5", "Transfer-Encoding:"], [400]],
    [
      ["Content-Length: 5", "Transfer-Encoding: identity"],
      [400, 501],
    ],
    [["Content-Length: 5", "Transfer-Encoding: chunked"], [400]],
    [["Transfer-Encoding: chunked", "Content-Length: 5"], [400]],
    [
      ["Transfer-Encoding: gzip, chunked", "Content-Length: 5"],
      [400, 501],
    ],
    [["Transfer-Encoding : chunked"], [400]],
    [["Transfer-Encoding\t: chunked"], [400]],
    [["Transfer-Encoding: \x0bchunked"], [400]],
    [["Transfer-Encoding: chunk\x00ed"], [400]],
  ];

  test.each(refused)("%j: %j", async (lines, statuses) => {
    await expectRefused(app, postLines("/c", lines, body + smuggled), ...statuses);
    await expectRefused(
      app,
      `GET /c HTTP/1.1\r\nHost: h\r\n${lines.join("\r\n")}\r\n\r\n${body}${smuggled}`,
      ...statuses,
    );
  });

  test.each(["chunked", "gzip, chunked", "identity"])("%s in HTTP/1.0 is faulty framing: 400", async (coding) => {
    await expectRefused(
      app,
      `POST /c HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: ${coding}\r\n\r\n${body}${smuggled}`,
      400,
    );
  });
});

describe("chunks (9112 7.1)", () => {
  const framed = (body: string): string => postLines("/c", [chunked], body);

  test.each([
    ["extension", "5;name=value\r\nhello\r\n0\r\n\r\n"],
    ["quoted extension", '5;name="a;b"\r\nhello\r\n0\r\n\r\n'],
    ["extension without value", "5;name\r\nhello\r\n0;last\r\n\r\n"],
    ["leading zeros", "0000005\r\nhello\r\n000\r\n\r\n"],
    ["two chunks", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"],
    ["trailer", "5\r\nhello\r\n0\r\nX-Trailer: t\r\n\r\n"],
    ["several trailers", "5\r\nhello\r\n0\r\nX-A: 1\r\nX-B: 2\r\nX-A: 3\r\n\r\n"],
    ["trailer named like a header field", "5\r\nhello\r\n0\r\nHost: evil\r\nExpect: x\r\nX-A: 1\r\n\r\n"],
  ])("%s", async (_name, body) => {
    const echo = await expectServed(app, framed(body), "POST /c");
    expect(Buffer.from(echo.bodyHex, "hex").toString()).toBe("hello");
    // 9110 6.5.1: a trailer field is no header field.
    expect([...echo.headers].sort()).toEqual([
      ["host", "h"],
      ["transfer-encoding", "chunked"],
    ]);
  });

  test.each([
    "x\r\n",
    "-5\r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "5\nhello\r\n0\r\n\r\n",
    "5\rhello\r\n0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n",
    "5\r\nhell\r\n0\r\n\r\n",
    "\r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "5 \r\nhello\r\n0\r\n\r\n",
    "5\t\r\nhello\r\n0\r\n\r\n",
    "5_0\r\nhello\r\n0\r\n\r\n",
    "5.0\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\nbad trailer\r\n\r\n",
    "5\r\nhello\r\n0\r\nX : v\r\n\r\n",
    "10000000000000000\r\nhello\r\n0\r\n\r\n",
  ])("%j: 400", async (body) => {
    await expectRefused(app, framed(body + smuggled), 400);
  });

  // Node's parser refuses these; to ignore them would be as good.
  test.each(["Content-Length: 99", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip"])(
    "9110 6.5.1: %s as a trailer changes no frame",
    async (line) => {
      await expectRefused(app, framed(`5\r\nhello\r\n0\r\n${line}\r\n\r\n${smuggled}`), 400);
    },
  );

  test("one byte a chunk, one packet", async () => {
    const size = 32_768;
    const echo = await expectServed(app, framed(`${"1\r\nx\r\n".repeat(size)}0\r\n\r\n`), "POST /c");
    expect(echo.bodyHex).toBe("78".repeat(size));
  });

  test("one byte a chunk, one byte a packet", async () => {
    const client = await RawClient.connect(app.server);
    await client.sendBytewise(framed("1\r\nh\r\n1\r\ni\r\n0;last\r\nX-T: t\r\n\r\n") + get("/g"));
    const responses = await client.read(2);
    expect(responses.map((response) => echoOf(response).bodyHex)).toEqual(["6869", ""]);
  });
});
