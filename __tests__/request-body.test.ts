import type { Request } from "../lib/index";
import { RawClient } from "./helpers/raw-client";
import { rejectionOf, startServer, thrownBy } from "./helpers/servers";

async function accept(body: string | Uint8Array, ...lines: readonly string[]): Promise<Request> {
  const bytes = Buffer.from(body as string);
  const head = ["POST /form HTTP/1.1", "Host: h", `Content-Length: ${bytes.length}`, ...lines, "", ""].join("\r\n");
  const server = await startServer();
  const accepted = server.acceptRequest();
  await (await RawClient.connect(server)).send(Buffer.concat([Buffer.from(head), bytes]));
  return accepted;
}

const URLENCODED = "Content-Type: application/x-www-form-urlencoded";

describe("json", () => {
  test.each<[what: string, body: string | Uint8Array]>([
    ["a byte order mark", '\ufeff{"a":1}'],
    ["its bytes", Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x22, 0x61, 0x22, 0x3a, 0x31, 0x7d])],
  ])("drops %s", async (_what, body) => {
    expect((await accept(body)).json()).toEqual({ a: 1 });
  });

  test("drops no second one", async () => {
    const request = await accept("\ufeff\ufeff1");
    expect(thrownBy(() => request.json()).message).toContain('it starts "\ufeff\ufeff1"');
  });

  test.each<[what: string, body: string | Uint8Array, lines: string[], message: RegExp]>([
    [
      "a coding",
      "\x1f\x8b",
      ["Content-Encoding: gzip"],
      /its Content-Encoding is "gzip": decompress rawBody first, with node:zlib; it starts "/,
    ],
    ["a coding and an empty body", "", ["Content-Encoding: br"], /its Content-Encoding is "br": .*; it is empty/],
    [
      "a charset",
      Buffer.from('{"a":1}', "utf16le"),
      ["Content-Type: application/json; charset=utf-16le"],
      /its charset is "utf-16le": decode rawBody first; it starts/,
    ],
    [
      "a quoted charset",
      "\xe9",
      ['Content-Type: application/json; Charset="iso-8859-1"'],
      /its charset is "iso-8859-1": decode/,
    ],
    ["UTF-16 with its mark", Buffer.from('\ufeff{"a":1}', "utf16le"), [], /it looks like UTF-16: decode/],
    [
      "UTF-16 without",
      Buffer.from('{"a":1}', "utf16le"),
      ["Content-Type: application/json; charset=utf-8"],
      /it looks like UTF-16: decode/,
    ],
    [
      "neither",
      "{",
      ["Content-Type: application/json; charset=UTF-8", "Content-Encoding: identity"],
      /is not JSON: it starts "\{" \(/,
    ],
    [
      "a parameter with another name",
      "{",
      ["Content-Type: application/json; xcharset=latin1"],
      /is not JSON: it starts "\{" \(/,
    ],
  ])("names %s where that is the reason", async (_what, body, lines, message) => {
    const request = await accept(body, ...lines);
    const error = thrownBy(() => request.json());
    expect(error).toMatchObject({
      name: "SyntaxError",
      code: "ERR_BODY_NOT_JSON",
      cause: expect.anything() as unknown,
    });
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^the body of POST \/form is not JSON: /);
  });
});

describe("form", () => {
  test.each([URLENCODED, `${URLENCODED};charset=UTF-8`, URLENCODED.toUpperCase(), `${URLENCODED} ; x=y`])(
    "%s",
    async (line) => {
      expect([...(await accept("a=1&b=%C3%BC", line)).form()]).toEqual([
        ["a", "1"],
        ["b", "ü"],
      ]);
    },
  );

  test("no body, no fields, whatever the Content-Type", async () => {
    for (const lines of [[], ["Content-Type: application/json"]])
      expect([...(await accept("", ...lines)).form()]).toEqual([]);
  });

  test.each<[what: string, body: string, lines: string[], message: RegExp]>([
    [
      "JSON",
      '{"a":1}',
      ["Content-Type: application/json"],
      /its Content-Type is "application\/json", not application\/x-www-form-urlencoded: use json\(\); it starts "\{\\"a\\":1\}"$/,
    ],
    ["problem JSON", "{}", ["Content-Type: application/problem+json"], /use json\(\)/],
    ["multipart", "--b", ["Content-Type: multipart/form-data; boundary=b"], /use formData\(\)/],
    ["text", "a=1", ["Content-Type: text/plain;charset=UTF-8"], /use body or rawBody/],
    ["no type", "a=1", [], /it has no Content-Type \(.*new URLSearchParams\(request\.body\)\); it starts "a=1"$/],
    ["an empty type", "a=1", ["Content-Type:"], /its Content-Type is "", not/],
    ["a coding", "\x1f\x8b", [URLENCODED, "Content-Encoding: gzip"], /its Content-Encoding is "gzip"/],
    ["a type that starts alike", "a=1", [`${URLENCODED}2`], /its Content-Type is/],
  ])("%s is an error", async (_what, body, lines, message) => {
    const request = await accept(body, ...lines);
    const error = thrownBy(() => request.form());
    expect(error).toMatchObject({ name: "TypeError", code: "ERR_BODY_NOT_FORM" });
    expect(error.message).toMatch(/^the body of POST \/form is not a form: /);
    expect(error.message).toMatch(message);
  });
});

describe("formData", () => {
  /** A body of parts, each a header block and a content. */
  function multipart(
    boundary: string,
    ...parts: readonly (readonly [head: string, content: string | Buffer])[]
  ): Buffer {
    const bytes = parts.flatMap(([head, content]) => [
      Buffer.from(`--${boundary}\r\n${head}\r\n\r\n`),
      Buffer.from(content as string),
      Buffer.from("\r\n"),
    ]);
    return Buffer.concat([...bytes, Buffer.from(`--${boundary}--\r\n`)]);
  }

  async function entriesOf(request: Request): Promise<unknown[]> {
    const form = await request.formData();
    const entries = [...form].map(async ([name, value]) =>
      typeof value === "string"
        ? [name, value]
        : [name, value.name, value.type, Buffer.from(await value.arrayBuffer()).toString("latin1")],
    );
    return Promise.all(entries);
  }

  test("what fetch sends", async () => {
    const sent = new FormData();
    sent.append("title", 'Sea, ü "quoted"');
    sent.append("title", "second");
    sent.append("photo", new Blob([Uint8Array.of(0xff, 0x0d, 0x0a, 0x2d, 0x2d)], { type: "image/jpeg" }), 'ü "x".jpg');
    const server = await startServer();
    const reply = fetch(`${server.url}/form`, { method: "POST", body: sent });
    const request = await server.acceptRequest();
    expect(await entriesOf(request)).toEqual([
      ["title", 'Sea, ü "quoted"'],
      ["title", "second"],
      ["photo", 'ü "x".jpg', "image/jpeg", "\xff\r\n--"],
    ]);
    await request.respond(204);
    await reply;
  });

  const part = 'form-data; name="a"';
  const file = 'form-data; name="f"; filename="s.txt"';
  test.each<[what: string, boundary: string, contentType: string, parts: [string, string][], entries: unknown[]]>([
    [
      ".NET: a quoted boundary, names without quotes, filename*",
      "4b39-14",
      'boundary="4b39-14"',
      [
        ["Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=title", "Sea"],
        [
          "Content-Type: image/jpeg\r\nContent-Disposition: form-data; name=photo; filename=sea.jpg; filename*=utf-8''sea.jpg",
          "jpeg",
        ],
      ],
      [
        ["title", "Sea"],
        ["photo", "sea.jpg", "image/jpeg", "jpeg"],
      ],
    ],
    [
      "filename* wins, in UTF-8",
      "b",
      "boundary=b",
      [[`Content-Disposition: ${file}; filename*=UTF-8'de'%C3%BC%20%22x%22.txt`, "x"]],
      [["f", 'ü "x".txt', expect.any(String), "x"]],
    ],
    [
      "filename* in quotes",
      "b",
      "boundary=b",
      [["Content-Disposition: form-data; name=f; filename*=\"utf-8''s.txt\"", "x"]],
      [["f", "s.txt", expect.any(String), "x"]],
    ],
    [
      "a backslash in front of a quote, as browsers write it",
      "b",
      "boundary=b",
      [['Content-Disposition: form-data; name="dir\\"; filename="C:\\a.bin"', "x"]],
      [["dir\\", "C:\\a.bin", expect.any(String), "x"]],
    ],
    [
      "an escaped quote, as browsers and curl write it",
      "b",
      "boundary=b",
      [['Content-Disposition: form-data; name="a%22b"', "x"]],
      [['a"b', "x"]],
    ],
    [
      "letter case, a space before the value's parameters",
      "b",
      "BOUNDARY=b; charset=utf-8",
      [['content-disposition:form-data;name="a"', "x"]],
      [["a", "x"]],
    ],
    [
      "characters that mean something to a pattern",
      "a+b.(c)?'/:=_,",
      'boundary="a+b.(c)?\'/:=_,"',
      [["Content-Disposition: form-data; name=a", "x"]],
      [["a", "x"]],
    ],
    [
      "content that looks like a head",
      "b",
      "boundary=b",
      [
        [`Content-Disposition: ${part}`, "--x\r\nContent-Disposition: form-data; name=z\r\n\r\n"],
        [
          `Content-Disposition: ${file}\r\nContent-Type: text/plain`,
          "Content-Disposition: form-data; name=y; filename*=utf-8''y",
        ],
      ],
      [
        ["a", "--x\r\nContent-Disposition: form-data; name=z\r\n\r\n"],
        ["f", "s.txt", "text/plain", "Content-Disposition: form-data; name=y; filename*=utf-8''y"],
      ],
    ],
    [
      "a boundary that is a part of a content",
      "b",
      "boundary=b",
      [[`Content-Disposition: ${file}`, "abc b --b"]],
      [["f", "s.txt", expect.any(String), "abc b --b"]],
    ],
    ["letters of any case", "b", "boundary=b", [['content-disposition: Form-Data; NAME="a"', "x"]], [["a", "x"]]],
    ["nothing in a part", "b", "boundary=b", [[`Content-Disposition: ${part}`, ""]], [["a", ""]]],
  ])("%s", async (_what, boundary, contentType, parts, entries) => {
    const request = await accept(multipart(boundary, ...parts), `Content-Type: multipart/form-data; ${contentType}`);
    expect(await entriesOf(request)).toEqual(entries);
  });

  const whole = `--b\r\nContent-Disposition: ${part}\r\n\r\nx\r\n--b--\r\n`;
  test.each<[what: string, body: string]>([
    ["a preamble and an epilogue", `before\r\n${whole}behind\r\n--b\r\n`],
    ["an empty line first", `\r\n${whole}`],
    ["no line end at the end", whole.slice(0, -2)],
    ["padding behind a delimiter", whole.replace("--b\r\n", "--b \t\r\n")],
  ])("RFC 2046 5.1.1: %s", async (_what, body) => {
    expect(await entriesOf(await accept(body, "Content-Type: multipart/form-data; boundary=b"))).toEqual([["a", "x"]]);
  });

  test("a form without files", async () => {
    expect(await entriesOf(await accept("a=1&b=%C3%BC+x&a=2", URLENCODED))).toEqual([
      ["a", "1"],
      ["b", "ü x"],
      ["a", "2"],
    ]);
  });

  test("no body, no fields", async () => {
    expect(await entriesOf(await accept(""))).toEqual([]);
  });

  test.each<[what: string, body: string, lines: string[], message: RegExp]>([
    [
      "JSON",
      "{}",
      ["Content-Type: application/json"],
      /its Content-Type is "application\/json", not multipart\/form-data or .*: use json\(\)/,
    ],
    ["no type", "a", [], /it has no Content-Type/],
    [
      "a boundary that is not there",
      "--b\r\n",
      ["Content-Type: multipart/form-data"],
      /it cannot be parsed as "multipart\/form-data"; it starts "--b\\r\\n"$/,
    ],
    [
      "another boundary",
      "--b\r\n",
      ["Content-Type: multipart/form-data; boundary=c"],
      /it cannot be parsed as "multipart\/form-data; boundary=c"/,
    ],
    [
      "an end that is missing",
      '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx',
      ["Content-Type: multipart/form-data; boundary=b"],
      /it cannot be parsed/,
    ],
    [
      "a coding",
      "x",
      ["Content-Type: multipart/form-data; boundary=b", "Content-Encoding: gzip"],
      /its Content-Encoding is "gzip"/,
    ],
  ])("%s is an error", async (_what, body, lines, message) => {
    const error = await rejectionOf((await accept(body, ...lines)).formData());
    expect(error).toMatchObject({ name: "TypeError", code: "ERR_BODY_NOT_FORM" });
    expect(error.message).toMatch(/^the body of POST \/form is not a form: /);
    expect(error.message).toMatch(message);
  });

  test("works where the global Response was replaced or is missing, as in jsdom", async () => {
    const { Response: before } = globalThis;
    try {
      for (const other of [undefined, class {}]) {
        Object.assign(globalThis, { Response: other });
        expect(await entriesOf(await accept("a=1", URLENCODED))).toEqual([["a", "1"]]);
      }
    } finally {
      Object.assign(globalThis, { Response: before });
    }
  });
});

test("url.searchParams is the query, decoded, and always the same object", async () => {
  const server = await startServer();
  const accepted = server.acceptRequest();
  await (await RawClient.connect(server)).send("GET /p?tag=a&tag=b%20c&x=1+2#f HTTP/1.1\r\nHost: h\r\n\r\n");
  const { url } = await accepted;
  expect([...url.searchParams]).toEqual([
    ["tag", "a"],
    ["tag", "b c"],
    ["x", "1 2"],
  ]);
  expect(url.searchParams).toBe(url.searchParams);
  expect(url.query).toBe("tag=a&tag=b%20c&x=1+2");
});
