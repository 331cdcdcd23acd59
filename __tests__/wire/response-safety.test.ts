import { Readable } from "node:stream";
import { newHttpHeaders, type AsyncHttpServer, type HeadersInit, type Request } from "../../lib/index";
import { headerValues, RawClient, type RawResponse } from "../helpers/raw-client";
import { get, startServer, startServing } from "../helpers/servers";

// Nothing that a caller passes on from elsewhere can end a header field early, or start a response of its own: it is
// refused, nothing is written, and another response is still possible (RFC 9110 5.5, RFC 9112 2.2 and 11.1).

let server: AsyncHttpServer;

beforeEach(async () => {
  server = await startServer();
});

/** Asks twice on one connection; `respond` decides the first response, the second shows that the connection is in step. */
async function answered(
  respond: (request: Request) => Promise<unknown>,
): Promise<{ responses: RawResponse[]; bytes: Buffer }> {
  const client = await RawClient.connect(server);
  const received: Buffer[] = [];
  client.socket.on("data", (bytes: Buffer) => received.push(bytes));
  await client.send(get() + get());
  await respond(await server.acceptRequest());
  await (await server.acceptRequest()).respond(200, "in step");
  const responses = await client.read(2);
  expect(responses.at(-1)?.body.toString()).toBe("in step");
  return { responses: responses.slice(0, -1), bytes: Buffer.concat(received) };
}

/** Every way to answer that takes what is refused here. */
type Way = readonly [name: string, respond: (request: Request, headers: HeadersInit) => Promise<void>];

const ways: readonly Way[] = [
  ["respond", (request, headers) => request.respond(200, "content", headers)],
  ["respond with a stream", (request, headers) => request.respond(200, Readable.from(["content"]), headers)],
  ["respond without content", (request, headers) => request.respond(204, "", headers)],
  ["sendHeaders", (request, headers) => request.sendHeaders(headers)],
  ["an interim response", (request, headers) => request.respond(103, "", headers)],
];

/** The response is refused by a rejection, and the one after it is the only one that the client sees. */
async function expectRefused(respond: (request: Request) => Promise<void>, error: object): Promise<void> {
  const { responses, bytes } = await answered(async (request) => {
    // A throw instead of a rejection would be missed by a caller who writes `.catch(…)`.
    const refused = respond(request);
    await expect(refused).rejects.toMatchObject(error);
    await request.respond(201, "second try");
  });
  expect(responses.map((response) => [response.status, response.body.toString()])).toEqual([[201, "second try"]]);
  expect(bytes.toString("latin1")).not.toMatch(/injected/i);
}

const invalidHeader = { name: "TypeError", code: "ERR_INVALID_HEADER" };

describe.each(ways)("%s", (_way, respond) => {
  test.each([
    ["CRLF and a header field", "v\r\nInjected: 1"],
    ["CRLF, CRLF and a response", "v\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\ninjected"],
    ["LF", "v\nInjected: 1"],
    ["CR", "v\rInjected: 1"],
    ["CRLF at the start", "\r\nInjected: 1"],
    ["CRLF at the end", "v\r\n"],
    ["LF at the end", "v\n"],
    ["CR at the end", "v\r"],
    ["an obsolete fold", "v\r\n injected"],
    ["NUL", "v\0injected"],
    ["another control character", "v\x01"],
    ["vertical tab", "v\x0b"],
    ["escape", "v\x1b[2J"],
    ["DEL", "v\x7f"],
    // These would be CR and LF once cut to a byte.
    ["characters whose low bytes are CR and LF", "v\u010d\u010aInjected: 1"],
    ["a character above latin1", "\u0100"],
    ["the euro sign", "5 €"],
    ["an emoji", "😀"],
    ["half a surrogate pair", "\ud800"],
  ])("refuses a value with %s", async (_name, value) => {
    await expectRefused((request) => respond(request, { "x-a": value }), invalidHeader);
    await expectRefused(
      (request) =>
        respond(request, [
          ["x-good", "1"],
          ["x-a", value],
        ]),
      invalidHeader,
    );
    await expectRefused((request) => respond(request, newHttpHeaders({ "x-a": ["good", value] })), invalidHeader);
  });

  test.each([
    ["nothing", ""],
    ["a space", "x a"],
    ["a space at the end", "x-a "],
    ["a tab", "x\ta"],
    ["a colon", "x:a"],
    ["a line and another", "x-a: v\r\nInjected"],
    ["CR", "x\ra"],
    ["LF", "x\na"],
    ["NUL", "x\0a"],
    ["DEL", "x\x7f"],
    ["latin1", "x-é"],
    ["above latin1", "x-\u010a"],
    ["a parenthesis", "x(a)"],
    ["a comma", "x,a"],
    ["a slash", "x/a"],
    ["a quote", 'x"a'],
    ["brackets", "x[a]"],
    ["a question mark", "x?"],
    ["an at sign", "x@a"],
    ["an equals sign", "x=a"],
    ["a semicolon", "x;a"],
  ])("refuses a name with %s", async (_name, name) => {
    await expectRefused((request) => respond(request, { [name]: "v" }), invalidHeader);
    await expectRefused((request) => respond(request, newHttpHeaders([[name, "v"]], true)), invalidHeader);
  });

  test.each([
    ["Content-Length", "5\r\nInjected: 1"],
    ["Content-Length", "5\n"],
    ["Transfer-Encoding", "chunked\r\nInjected: 1"],
    ["Transfer-Encoding", "chunked\n"],
    ["Connection", "close\r\nInjected: 1"],
    ["Date", "now\r\nInjected: 1"],
    ["Location", "/\r\nSet-Cookie: injected=1"],
    ["Set-Cookie", "a=1\nInjected: 1"],
    ["Link", "</a>\r\n\r\ninjected"],
    ["Content-Disposition", 'attachment; filename="a\r\nInjected: 1"'],
  ])("refuses %s: %j", async (name, value) => {
    await expectRefused((request) => respond(request, { [name]: value }), invalidHeader);
  });
});

describe("trailers that are announced where none can follow", () => {
  const trailer = { Trailer: "Checksum", "Content-Length": "2" };
  const rows: ReadonlyArray<[how: string, respond: (request: Request, source: Readable) => Promise<void>]> = [
    ["text", (request) => request.respond(200, "ab", trailer)],
    ["a source", (request, source) => request.respond(200, source, trailer)],
    ["sendHeaders", (request) => request.sendHeaders(trailer)],
  ];

  test.each(rows)(
    "%s: an error that names the header, nothing is written, the source is released",
    async (_, respond) => {
      const source = Readable.from(["a", "b"]);
      const message = /^the header "trailer" cannot be sent: .*\(in the response to GET \/\)$/;
      await expectRefused((request) => respond(request, source), {
        ...invalidHeader,
        message: expect.stringMatching(message) as string,
      });
      expect(source.destroyed).toBe(_ === "a source");
    },
  );

  test.each(rows)("%s: a handler that rejects with that is a 500", async (_, respond) => {
    const errors: unknown[] = [];
    const server = await startServing((request) => respond(request, Readable.from(["a", "b"])), {
      onError: (error) => errors.push(error),
    });
    expect((await fetch(server.url)).status).toBe(500);
    expect(errors).toEqual([expect.objectContaining({ code: "ERR_INVALID_HEADER" })]);
  });
});

describe("a status that cannot be sent", () => {
  const statuses: ReadonlyArray<readonly [name: string, code: unknown]> = [
    ["99", 99],
    ["600", 600],
    ["0", 0],
    ["-200", -200],
    ["1000", 1000],
    ["200.5", 200.5],
    ["NaN", NaN],
    ["Infinity", Infinity],
    ['"200"', "200"],
    ["a line", "200 OK\r\nInjected: 1"],
    ["undefined in an array", [undefined]],
    ["an array", [200]],
    ["null", null],
    ["true", true],
    ["a bigint", 200n],
    ["an object", { valueOf: () => 200 }],
  ];
  const error = { name: "RangeError", code: "ERR_INVALID_STATUS" };

  test.each(statuses)("respond refuses %s", async (_name, code) => {
    await expectRefused((request) => request.respond(code as number, "content"), error);
    await expectRefused((request) => request.respond(code as number, Readable.from(["content"])), error);
  });

  test.each(statuses)("sendHeaders refuses %s", async (_name, code) => {
    await expectRefused((request) => request.sendHeaders({ "x-a": "1" }, code as number), error);
  });

  test.each([200, 299, 300, 599])("%d is sent", async (code) => {
    const { responses } = await answered((request) => request.respond(code, "content"));
    expect(responses.map((response) => response.status)).toEqual([code]);
  });
});

describe("header bytes arrive as they are", () => {
  const latin1 = Array.from({ length: 0x5f }, (_, i) => String.fromCharCode(0xa1 + i)).join("");

  test.each([
    ["no content", ""],
    ["ASCII", "content"],
    ["latin1", "café"],
    ["UTF-8", "grüße € 😀"],
    ["bytes", Buffer.from([0xff, 0xfe, 0x00])],
    ["a stream of text", () => Readable.from(["grüße", " €"])],
  ] as const)("latin1 beside %s", async (_name, given) => {
    const content = typeof given === "function" ? given() : given;
    const { responses, bytes } = await answered((request) => request.respond(200, content, { "x-a": `a${latin1}z` }));
    expect(bytes.includes(Buffer.from(`\r\nx-a: a${latin1}z\r\n`, "latin1"))).toBe(true);
    const expected = typeof given === "function" ? "grüße €" : given;
    expect(responses[0]?.body.equals(Buffer.from(expected as string))).toBe(true);
  });

  test("latin1 by sendHeaders, with UTF-8 behind it", async () => {
    const { responses, bytes } = await answered(async (request) => {
      await request.sendHeaders({ "x-a": latin1 });
      await request.respond(200, "€");
    });
    expect(bytes.includes(Buffer.from(`\r\nx-a: ${latin1}\r\n`, "latin1"))).toBe(true);
    expect(responses[0]?.body.toString()).toBe("€");
  });

  test("latin1 in an interim response", async () => {
    const { bytes } = await answered(async (request) => {
      await request.respond(103, "", { link: latin1 });
      await request.respond(200, "€");
    });
    expect(bytes.includes(Buffer.from(`\r\nlink: ${latin1}\r\n`, "latin1"))).toBe(true);
  });

  test("the printable ASCII characters and the tab", async () => {
    const ascii = Array.from({ length: 0x5e }, (_, i) => String.fromCharCode(0x21 + i)).join("");
    const { responses } = await answered((request) => request.respond(200, "x", { "x-a": `${ascii}\t${ascii}` }));
    expect(headerValues(responses[0]!, "x-a")).toEqual([`${ascii}\t${ascii}`]);
  });

  test("a name of every token character", async () => {
    const name = "!#$%&'*+-.^_`|~0123456789az";
    const { responses } = await answered((request) => request.respond(200, "x", { [name]: "v" }));
    expect(headerValues(responses[0]!, name)).toEqual(["v"]);
  });
});

describe("a name is just a name", () => {
  const forms: ReadonlyArray<readonly [name: string, make: (name: string) => HeadersInit]> = [
    ["pairs", (name) => [[name, "v"]]],
    ["a record", (name) => ({ [name]: "v" })],
    ["a record without prototype", (name) => Object.assign(Object.create(null), { [name]: "v" }) as HeadersInit],
    ["a Map", (name) => new Map([[name, "v"]])],
    ["HttpHeaders", (name) => newHttpHeaders([[name, "v"]])],
  ];
  const names = ["__proto__", "constructor", "prototype", "tostring", "hasownproperty", "__definegetter__"];
  const rows = names.flatMap((name) => forms.map(([form, make]) => ({ name, form, make })));

  test.each(rows)("$name in $form", async ({ name, make }) => {
    const { responses } = await answered((request) => request.respond(200, "x", make(name)));
    expect(headerValues(responses[0]!, name)).toEqual(["v"]);
    expect(({} as Record<string, unknown>)["v"]).toBeUndefined();
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });
});
