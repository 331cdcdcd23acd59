import { Readable } from "node:stream";
import { newHttpHeaders, type AsyncHttpServer, type Request } from "../../lib/index";
import { headerValues, RawClient } from "../helpers/raw-client";
import { get, startServer } from "../helpers/servers";
import { answered, linesOf } from "../helpers/wire-case";

let server: AsyncHttpServer;

beforeEach(async () => {
  server = await startServer();
});

const good = get("/good");

describe("content that may not be sent (9110 6.4.1)", () => {
  const sources: ReadonlyArray<readonly [name: string, content: () => string | Buffer | Readable]> = [
    ["text", () => "content"],
    ["bytes", () => Buffer.from("content")],
    ["a stream", () => Readable.from(["con", "tent"])],
  ];
  const lengthOf = (name: string): string[] => (name === "a stream" ? [] : ["7"]);

  test.each(sources)("HEAD has the head of GET: %s", async (name, content) => {
    const [response] = await answered(server, (request) => request.respond(200, content(), { "x-a": "1" }), "HEAD");
    expect(response?.body.length).toBe(0);
    expect(headerValues(response!, "content-length")).toEqual(lengthOf(name));
    expect(headerValues(response!, "x-a")).toEqual(["1"]);
  });

  test("HEAD with the caller's Content-Length", async () => {
    const [response] = await answered(
      server,
      (request) => request.respond(200, "", { "Content-Length": "1234" }),
      "HEAD",
    );
    expect(headerValues(response!, "content-length")).toEqual(["1234"]);
  });

  const empty = [204, 304].flatMap((code) => sources.map(([name, content]) => ({ code, name, content })));

  test.each(empty)("$code: $name", async ({ code, content }) => {
    const [response] = await answered(server, (request) => request.respond(code, content()));
    expect(response?.body.length).toBe(0);
    expect(headerValues(response!, "content-length")).toEqual([]);
    expect(headerValues(response!, "transfer-encoding")).toEqual([]);
  });

  test.each(sources)("9110 15.3.6: 205 has a Content-Length of 0: %s", async (_name, content) => {
    const [response] = await answered(server, (request) => request.respond(205, content()));
    expect(response?.body.length).toBe(0);
    expect(headerValues(response!, "content-length")).toEqual(["0"]);
  });

  test.each([
    [204, "Content-Length", []],
    [205, "Content-Length", ["0"]],
    [304, "Content-Length", ["7"]],
    [204, "Transfer-Encoding", []],
    [205, "Transfer-Encoding", []],
    [304, "Transfer-Encoding", []],
  ] as const)("%d with the caller's %s", async (code, name, expected) => {
    const value = name === "Content-Length" ? "7" : "chunked";
    const [response] = await answered(server, (request) => request.respond(code, "content", { [name]: value }));
    expect(headerValues(response!, name)).toEqual(expected);
    expect(response?.body.length).toBe(0);
  });

  test.each(["GET", "HEAD"])("204 by sendHeaders, then content, to %s", async (method) => {
    const [response] = await answered(
      server,
      async (request) => {
        await request.sendHeaders({ "x-a": "1" }, 204);
        await request.respond(204, "content");
      },
      method,
    );
    expect(linesOf(response)).toEqual(["HTTP/1.1 204 No Content", "x-a: 1"]);
  });
});

describe("the caller's Content-Length", () => {
  const sources: ReadonlyArray<readonly [name: string, content: () => string | Buffer | Readable]> = [
    ["text", () => "hello world"],
    ["UTF-8", () => "grüße €"],
    ["bytes", () => Buffer.from("hello world")],
    ["a stream", () => Readable.from(["hello", " world"])],
  ];

  test.each(sources)("that fits, with %s", async (_name, content) => {
    const [response] = await answered(server, (request) => request.respond(200, content(), { "Content-Length": "11" }));
    expect(headerValues(response!, "content-length")).toEqual(["11"]);
    expect(response?.body.length).toBe(11);
  });

  const short = sources.flatMap(([name, content]) => [0, 1, 5, 10].map((length) => ({ name, content, length })));

  test.each(short)("of $length for more, $name: the content is cut to it", async ({ content, length }) => {
    const [response] = await answered(server, (request) =>
      request.respond(200, content(), { "Content-Length": String(length) }).catch(() => undefined),
    );
    expect(headerValues(response!, "content-length")).toEqual([String(length)]);
    const whole = await bytesOf(content());
    expect(response?.body.equals(whole.subarray(0, length))).toBe(true);
  });

  test.each(sources)("for less, with %s: all is sent, then the connection is cut", async (_name, content) => {
    const client = await RawClient.connect(server);
    await client.send(good + good);
    const request = await server.acceptRequest();
    await request.respond(200, content(), { "Content-Length": "12" }).catch(() => undefined);
    const responses = await client.end();
    expect(responses.map(({ whole, body }) => ({ whole, length: body.length }))).toEqual([
      { whole: false, length: 11 },
    ]);
  });

  test.each(["", " ", "abc", "-1", "+5", "5.0", "1e1", "0x5", "5, 5", "5 5", "99999999999999999999"])(
    "%j is refused, and another response is still possible",
    async (value) => {
      const [response] = await answered(server, async (request) => {
        const refused = request.respond(200, "hello", { "Content-Length": value });
        await expect(refused).rejects.toMatchObject({ name: "TypeError", code: "ERR_INVALID_HEADER" });
        await request.respond(200, "second try");
      });
      expect(response?.body.toString()).toBe("second try");
    },
  );

  test.each([
    [
      "two different",
      [
        ["Content-Length", "5"],
        ["content-length", "6"],
      ],
    ],
    [
      "one of them invalid",
      [
        ["Content-Length", "5"],
        ["Content-Length", "x"],
      ],
    ],
  ] as const)("%s are refused", async (_name, pairs) => {
    const [response] = await answered(server, async (request) => {
      await expect(request.respond(200, "hello", pairs)).rejects.toMatchObject({ code: "ERR_INVALID_HEADER" });
      await request.respond(200, "second try");
    });
    expect(response?.body.toString()).toBe("second try");
  });

  test("two equal ones are one line", async () => {
    const headers = newHttpHeaders([
      ["Content-Length", "5"],
      ["Content-Length", "5"],
    ]);
    const [response] = await answered(server, (request) => request.respond(200, "hello", headers));
    expect(headerValues(response!, "content-length")).toEqual(["5"]);
  });
});

async function bytesOf(content: string | Buffer | Readable): Promise<Buffer> {
  if (!(content instanceof Readable)) return Buffer.from(content as string);
  const parts: Uint8Array[] = [];
  for await (const part of content) parts.push(Buffer.from(part as string));
  return Buffer.concat(parts);
}

describe("the caller's Transfer-Encoding", () => {
  test.each([
    ["text", "content"],
    ["no content", ""],
    ["text with line ends", "a\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"],
  ])("chunked, with %s", async (_name, content) => {
    const [response] = await answered(server, (request) =>
      request.respond(200, content, { "Transfer-Encoding": "chunked" }),
    );
    expect(headerValues(response!, "transfer-encoding")).toEqual(["chunked"]);
    expect(response?.body.toString()).toBe(content);
  });

  test("9112 6.1: none to HTTP/1.0", async () => {
    const respond = (request: Request): Promise<void> =>
      request.respond(200, "content", { "Transfer-Encoding": "chunked" });
    const [response] = await answered(server, respond, "GET", "HTTP/1.0");
    expect(headerValues(response!, "transfer-encoding")).toEqual([]);
    expect(response?.body.toString()).toBe("content");
  });

  test("9110 8.6: beside Content-Length, one of them is sent", async () => {
    const headers = { "Transfer-Encoding": "chunked", "Content-Length": "7" };
    const [response] = await answered(server, (request) => request.respond(200, "content", headers));
    expect(response?.body.toString()).toBe("content");
  });

  test.each(["gzip", "gzip, chunked", "chunked, gzip", "identity", "", "chunked, chunked"])(
    "%j is refused",
    async (coding) => {
      const [response] = await answered(server, async (request) => {
        const refused = request.respond(200, "x", { "Transfer-Encoding": coding });
        await expect(refused).rejects.toMatchObject({ name: "TypeError", code: "ERR_INVALID_HEADER" });
        await request.respond(200, "second try");
      });
      expect(response?.body.toString()).toBe("second try");
    },
  );
});

describe("content whose length only its end tells", () => {
  test("is chunked in HTTP/1.1", async () => {
    const [response] = await answered(server, (request) => request.respond(200, Readable.from(["con", "", "tent"])));
    expect(headerValues(response!, "transfer-encoding")).toEqual(["chunked"]);
    expect(response?.body.toString()).toBe("content");
  });

  test.each(["", "Connection: keep-alive\r\n"])(
    "9112 6.3: ends with the connection in HTTP/1.0, asked with %j",
    async (line) => {
      const client = await RawClient.connect(server);
      await client.send(`GET / HTTP/1.0\r\n${line}\r\n`);
      await (await server.acceptRequest()).respond(200, Readable.from(["con", "tent"]));
      const [response] = await client.end();
      expect(response).toMatchObject({ status: 200, whole: true });
      expect(headerValues(response!, "connection")).toEqual(["close"]);
      expect(response?.body.toString()).toBe("content");
    },
  );
});
