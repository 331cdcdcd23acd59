import { check } from "./helpers/docs-types";

/** What every row may use; it stands below the row. */
const SURROUNDINGS = `
import * as lib from "asynchttpserver";
import * as testing from "asynchttpserver/testing";
import type { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
declare const server: lib.AsyncHttpServer;
declare const request: lib.Request;
declare const signal: AbortSignal;
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(is: Same<A, B>): void;
`;

/** The lines compile. */
const RIGHT: readonly (readonly [title: string, code: string])[] = [
  [
    "the pull form gives a request",
    "same<ReturnType<typeof pull>, Promise<lib.Request>>(true); const pull = () => server.acceptRequest();",
  ],
  [
    "Nim's form gives nothing",
    "same<ReturnType<typeof nim>, Promise<void>>(true); const nim = () => server.acceptRequest(() => 1);",
  ],
  [
    "both forms take a limit",
    "void server.acceptRequest({ timeout: 1, signal }); void server.acceptRequest(async () => {}, { timeout: 1 });",
  ],
  ["a limit may be left undefined", "void server.acceptRequest({ timeout: undefined, signal: undefined });"],
  [
    "a handler may return anything",
    "void server.serve((r) => r.url.path); void server.serve(0, async () => ({}), '::1', 0);",
  ],
  ["a handler gets a request", "void server.serve((r) => same<typeof r, lib.Request>(true));"],
  ["iteration gives requests", "for await (const r of server) same<typeof r, lib.Request>(true);"],
  [
    "a server can be disposed of",
    "{ await using s = lib.newAsyncHttpServer(); await using t = await testing.startTestServer(); void [s, t]; }",
  ],
  [
    "every option may be left undefined",
    "lib.newAsyncHttpServer({ maxBody: undefined, http: undefined, tls: undefined, onError: undefined });",
  ],
  [
    "Node's options and TLS's",
    "lib.newAsyncHttpServer({ http: { keepAliveTimeout: 1 }, tls: { key: '', cert: '', ca: '' } });",
  ],
  [
    "onError always has its request",
    "lib.newAsyncHttpServer({ onError: (error, r) => same<typeof r, lib.Request>(true) });",
  ],
  ["close takes a grace", "void server.close(); void server.close({ grace: 1 });"],
  [
    "a code is a number",
    "const code: number = lib.Http404; same<typeof lib.Http404, 404>(true); void request.respond(299); void code;",
  ],
  [
    "a constant narrows",
    "const f = (code: 200 | 404) => { if (code === lib.Http404) same<typeof code, 404>(true); }; void f;",
  ],
  [
    "a method is compared with a constant",
    "if (request.reqMethod === lib.HttpGet) void 0; else if (request.reqMethod === 'PROPFIND') void 0;",
  ],
  ["a version is compared", "const is: boolean = lib.isHttpVersion(request.protocol, lib.HttpVer11); void is;"],
  [
    "JSON is unknown unless claimed",
    "same<ReturnType<typeof request.json>, unknown>(true); const { a } = request.json<{ a: string }>(); void a;",
  ],
  [
    "content: text and bytes",
    "void request.respond(200, 'a'); " +
      "void request.respond(200, Buffer.of(1)); void request.respond(200, new ArrayBuffer(1));",
  ],
  [
    "content: views",
    "void request.respond(200, new Uint16Array(1)); void request.respond(200, new DataView(new ArrayBuffer(1)));",
  ],
  ["content: streams", "void request.respond(200, {} as Readable); void request.respond(200, {} as ReadableStream);"],
  ["content: a fetch body", "void request.respond(200, (await fetch('')).body!);"],
  ["content: generators", "void request.respond(200, (async function* () { yield 'a'; yield new Uint8Array(1); })());"],
  ["headers: a record", "void request.respond(200, '', { 'X-A': 1, 'X-B': ['a', 2], 'X-C': undefined });"],
  ["headers: pairs", "void request.respond(200, '', [['X-A', 1], ['X-A', 'b']]);"],
  ["headers: a Map", "void request.respond(200, '', new Map([['X-A', 1]]));"],
  [
    "headers: fetch's",
    "void request.respond(200, '', new Headers()); void request.respond(200, '', (await fetch('')).headers);",
  ],
  [
    "headers: Nim's",
    "void request.respond(200, '', lib.newHttpHeaders()); void request.sendHeaders(request.headers, 200);",
  ],
  ["headers: Node's", "void request.respond(200, '', request.raw.headers);"],
  [
    "values of a name",
    "same<ReturnType<typeof all>, lib.HttpHeaderValues>(true); const all = () => request.headers.values('a');",
  ],
  [
    "the text of a name",
    "same<ReturnType<typeof text>, string | null>(true); const text = () => request.headers.get('a'); " +
      "const other: string = request.headers.getOrDefault('a'); " +
      "const [first]: Iterable<string> = request.headers.values('a'); void [other, first];",
  ],
  [
    "a test server is a server",
    "const s: lib.AsyncHttpServer = await testing.startTestServer(); " +
      "const r: readonly lib.Request[] = (s as testing.TestServer).requests; void r;",
  ],
  [
    "a test server takes a handler, options, or both",
    "void testing.startTestServer(() => 1); " +
      "void testing.startTestServer({ maxBody: 1 }); void testing.startTestServer(() => 1, { maxBody: 1 });",
  ],
  [
    "a fault is a handler or content",
    "void testing.startTestServer(testing.dropConnection); void request.respond(200, testing.throttled('a', 1));",
  ],
  ["the certificate fits tls", "lib.newAsyncHttpServer({ tls: testing.testCertificate });"],
  [
    "tls takes what https.createServer takes: certificates of clients, names, protocols",
    "lib.newAsyncHttpServer({ tls: { ...testing.testCertificate, requestCert: true, rejectUnauthorized: true, ca: '' } }); " +
      "lib.newAsyncHttpServer({ tls: { SNICallback: (_name, done) => done(null), ALPNProtocols: ['http/1.1'] } });",
  ],
];

/** The lines do not compile, for this reason. */
const WRONG: readonly (readonly [title: string, reason: number, code: string])[] = [
  ["an option that is none", 2353, "lib.newAsyncHttpServer({ backlog: 1 });"],
  ["a handler as an option", 2559, "lib.newAsyncHttpServer(() => {});"],
  ["a port as text", 2345, "void server.listen('8080');"],
  ["serve without a handler", 2345, "void server.serve(8080);"],
  ["a limit that is a number", 2769, "void server.acceptRequest(1000);"],
  ["a request's fields are read only", 2540, "request.body = '';"],
  ["a URI's fields are read only", 2540, "request.url.path = '/';"],
  ["the history is read only", 2339, "void (async (s: testing.TestServer) => s.requests.push(request));"],
  ["an object as content", 2353, "void request.respond(200, { a: 1 });"],
  ["a number as content", 2345, "void request.respond(200, 1);"],
  ["a list as content", 2345, "void request.respond(200, ['a']);"],
  ["a code as text", 2769, "void request.respond('200');"],
  ["a header that is a boolean", 2322, "void request.respond(200, '', { 'X-A': true });"],
  ["adding a list", 2345, "request.headers.add('a', ['b']);"],
  ["the text of a name that may be missing", 2322, "const s: string = request.headers.get('a'); void s;"],
  ["one line by its number", 2554, "request.headers.get('a', 0);"],
  ["a list as fallback", 2345, "request.headers.getOrDefault('a', ['b']);"],
  ["a TLS option that is none", 2353, "lib.newAsyncHttpServer({ tls: { backlogs: 1 } });"],
  ["unclaimed JSON", 2322, "const value = request.json(); const a: string = value; void a;"],
  ["what Nim has and this has not", 2339, "void server.runForever();"],
];

const rows = [...RIGHT.map(([title, code]) => [title, 0, code] as const), ...WRONG];
const fileOf = (title: string): string => `__tests__/types ${title}.mts`;
const compiled = check(new Map(rows.map(([title, , code]) => [fileOf(title), code + SURROUNDINGS])));

/** What the compiler has against a row, which need not use all that surrounds it. */
function complaintsOf(title: string): string[] {
  return compiled.complaints(fileOf(title)).filter((complaint) => !/TS(?:6133|6192|6196) /.test(complaint));
}

test.each(RIGHT)("compiles: %s", (title) => {
  expect(complaintsOf(title)).toEqual([]);
});

test.each(WRONG)("does not compile: %s (TS%i)", (title, reason) => {
  expect(complaintsOf(title)).toEqual([expect.stringMatching(`^1: TS${reason} `)]);
});
