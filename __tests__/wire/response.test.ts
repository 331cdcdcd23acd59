import { newHttpHeaders, type AsyncHttpServer, type Request } from "../../lib/index";
import { headerValues } from "../helpers/raw-client";
import { startServer } from "../helpers/servers";
import { answered, linesOf } from "../helpers/wire-case";

let server: AsyncHttpServer;

beforeEach(async () => {
  server = await startServer();
});

describe("a response", () => {
  const rows: ReadonlyArray<
    readonly [name: string, respond: (r: Request) => Promise<unknown>, head: readonly string[], content: string]
  > = [
    ["text", (r) => r.respond(200, "hello"), ["HTTP/1.1 200 OK", "Content-Length: 5"], "hello"],
    ["UTF-8", (r) => r.respond(200, "grüße €"), ["HTTP/1.1 200 OK", "Content-Length: 11"], "grüße €"],
    ["bytes", (r) => r.respond(200, Buffer.from("hello")), ["HTTP/1.1 200 OK", "Content-Length: 5"], "hello"],
    ["a view", (r) => r.respond(200, new Uint16Array([0x6968])), ["HTTP/1.1 200 OK", "Content-Length: 2"], "hi"],
    [
      "an ArrayBuffer",
      (r) => r.respond(200, new Uint8Array([0x68, 0x69]).buffer),
      ["HTTP/1.1 200 OK", "Content-Length: 2"],
      "hi",
    ],
    ["nothing", (r) => r.respond(200), ["HTTP/1.1 200 OK", "Content-Length: 0"], ""],
    ["an empty text", (r) => r.respond(404, ""), ["HTTP/1.1 404 Not Found", "Content-Length: 0"], ""],
    ["a status without phrase", (r) => r.respond(299, "x"), ["HTTP/1.1 299 ", "Content-Length: 1"], "x"],
    ["the last status", (r) => r.respond(599, "x"), ["HTTP/1.1 599 ", "Content-Length: 1"], "x"],
    ["Nim's phrase", (r) => r.respond(413, "x"), ["HTTP/1.1 413 Request Entity Too Large", "Content-Length: 1"], "x"],
    [
      "header fields, lower-cased, in order",
      (r) => r.respond(200, "x", { "X-B": "2", "x-A": "1" }),
      ["HTTP/1.1 200 OK", "x-b: 2", "x-a: 1", "Content-Length: 1"],
      "x",
    ],
    [
      "header fields in title case",
      (r) => r.respond(200, "x", newHttpHeaders([["x-custom-name", "v"]], true)),
      ["HTTP/1.1 200 OK", "X-Custom-Name: v", "Content-Length: 1"],
      "x",
    ],
    [
      "a repeated header, one line each",
      (r) =>
        r.respond(
          200,
          "x",
          newHttpHeaders([
            ["Set-Cookie", "a=1"],
            ["set-cookie", "b=2, c"],
          ]),
        ),
      ["HTTP/1.1 200 OK", "set-cookie: a=1", "set-cookie: b=2, c", "Content-Length: 1"],
      "x",
    ],
    [
      "an empty value",
      (r) => r.respond(200, "x", { "x-a": "" }),
      ["HTTP/1.1 200 OK", "x-a: ", "Content-Length: 1"],
      "x",
    ],
  ];

  test.each(rows)("%s", async (_name, respond, head, content) => {
    const [response] = await answered(server, respond);
    expect(linesOf(response)).toEqual(head);
    expect(response?.body.toString()).toBe(content);
  });

  test("9110 6.6.1: carries the time", async () => {
    const [response] = await answered(server, (request) => request.respond(200, "x"));
    expect(headerValues(response!, "date")).toEqual([
      expect.stringMatching(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/),
    ]);
  });

  test("a large one has every byte", async () => {
    const content = Buffer.from(Array.from({ length: 3 * 1024 * 1024 }, (_, i) => (i * 31) & 0xff));
    const [response] = await answered(server, (request) => request.respond(200, content));
    expect(response?.body.equals(content)).toBe(true);
  });
});
