import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { noUrl, shareParityApp, shortTimeouts, type Echo } from "../helpers/parity-app";
import { headerValues, type RawClient, type RawResponse } from "../helpers/raw-client";
import {
  countFinals,
  echoOf,
  expectBareErrorResponse,
  expectErrorResponse,
  expectStatuses,
  outcomeOf,
  roundTrip,
  type End,
  type Status,
} from "../helpers/wire-case";

// What a server built with Nim 1.6.10's asynchttpserver was sent, and answered. `keep`: the same is expected here.
// `fix`: Nim is wrong, for the reason in `why`. `choice`: both are allowed. The last two have their expectation below.

type Packet = string | { readonly len: number; readonly sha256: string; readonly start: string };
type Step = ["send", Packet] | ["sleep", number] | ["half"] | ["rst"];

interface NimCase {
  readonly name: string;
  readonly group: string;
  readonly verdict: "keep" | "fix" | "choice";
  readonly why: string;
  readonly steps: readonly Step[];
  readonly nim: {
    readonly statuses: readonly number[];
    readonly end: "open" | "eof" | "client-rst";
    /** The first 1,500 bytes, base64; the fixture holds it for `keep` only. */
    readonly response?: string;
  };
}

const fixture = path.join(__dirname, "../fixtures", "nim-cases.json");
const cases = JSON.parse(fs.readFileSync(fixture, "utf8")) as NimCase[];

// --- What is expected -------------------------------------------------------------------------------------------

interface Expectation {
  /** Every response in order, interim ones too. */
  readonly statuses: readonly Status[];
  readonly end: End;
  /** How many requests a handler was given: one for each final response below 400 unless told. */
  readonly ran?: number;
  /** Fields of the last echo. */
  readonly echo?: PartialEcho;
  /** The content of the error response, where it says more than its status. */
  readonly words?: string;
  /** The request may have been a HEAD, for all that is known of it: the error response has no content and no length. */
  readonly bare?: true;
  /** What else holds for the last response. */
  readonly last?: (response: RawResponse) => void;
  /** Codes of the errors which the handler threw. */
  readonly errors?: readonly unknown[];
  /** The case is about a timeout, so these are short. */
  readonly timeouts?: "short";
  /** A case to keep which is settled in another legal way here, by Node's parser or by choice. */
  readonly otherwise?: true;
}

type PartialEcho = { [Field in keyof Echo]?: Field extends "url" ? Partial<Echo["url"]> : Echo[Field] };

/** Answered, and the connection stays. */
function served(echo?: PartialEcho): Expectation {
  return { statuses: [200], end: "open", ...(echo && { echo }) };
}

/** One error response, then close; nothing of it or behind it is run. */
function refused(...statuses: readonly number[]): Expectation {
  return { statuses: [statuses], end: "eof" };
}

function each(names: readonly string[], expectation: Expectation): Readonly<Record<string, Expectation>> {
  return Object.fromEntries(names.map((name) => [name, expectation]));
}

const hello = { bodyLen: 5, bodyHex: Buffer.from("hello").toString("hex") };
const withHost = (...lines: ReadonlyArray<readonly [string, string]>): PartialEcho => ({
  headers: [["host", "h"], ...lines],
});

function noContent(length: string[]): (response: RawResponse) => void {
  return (response) => {
    expect(response.body.length).toBe(0);
    expect(headerValues(response, "content-length")).toEqual(length);
  };
}

function content(text: string): (response: RawResponse) => void {
  return (response) => expect(response.body.toString()).toBe(text);
}

const expectations: Readonly<Record<string, Expectation>> = {
  // Methods. Every method that Node knows reaches the handler; any other is 501 (RFC 9110 9.1), and its body is not run.
  "method-PROPFIND": served({ reqMethod: "PROPFIND" }),
  ...each(["method-BREW-body", "method-lowercase-get"], refused(501)),
  "method-empty": refused(400),
  // Choice: a TRACE with content is an ordinary request. A CONNECT has host and port for a target (RFC 9112 3.2.3).
  "trace-cl5": served({ reqMethod: "TRACE", ...hello }),
  "connect-cl5": refused(400),

  // Versions. RFC 9112 2.3: "HTTP/" DIGIT "." DIGIT; what is of that form but not served is 505, what is not is 400.
  ...each(["v0.9-simple-line-blank", "v-missing-with-headers", "line-only-method"], refused(400)),
  ...each(["v-missing-trailing-space", "v-FTP", "v-garbage", "v-HTTP", "v-lower-http", "v1", "v3"], refused(400)),
  ...each(["v1.10", "v01.01"], refused(400)),
  "v2.0": refused(505),
  "v0.9-explicit": refused(400, 505),
  "v-h2-preface": { ...refused(400, 505), bare: true },
  // A line without version may be the start of anything: what never comes ends by the timeout.
  "v0.9-simple-line": { ...refused(400, 408), timeouts: "short", bare: true },
  // RFC 9110 2.5 would treat it as 1.1, but Node's parser settles it.
  "v1.2": refused(505),
  // The first response comes in its turn, and nothing of the first request leaks into the second.
  ...each(["v-stale", "v-stale-url"], { statuses: [200, 400], end: "eof" }),

  // The request line. Node's parser takes two spaces, which RFC 9112 3 allows.
  "line-two-spaces-after-method": served({ url: { path: "/l" } }),
  ...each(["line-trailing-space", "line-four-words", "line-four-words-after"], refused(400)),
  ...each(["line-leading-blank-2", "line-leading-blank-3"], served({ url: { path: "/g" } })),
  // RFC 9112 2.2: a bare CR is refused. A bare LF is refused by choice, as by Node's parser.
  ...each(["line-CR-only", "line-CRCRLF", "hdr-bare-CR-in-value"], refused(400)),
  ...each(
    ["line-LF-only", "line-LF-only-post", "hdr-LF-in-value", "hdr-end-LF-LF", "chunked-LF-after-size"],
    refused(400),
  ),
  ...each(["line-NUL-in-target", "line-NUL-first", "line-binary-with-newlines"], refused(400)),
  // RFC 9112 3: a request line over the limit is 414.
  ...each(["line-chars-8193", "line-uri-8KiB", "line-uri-9KiB"], refused(414)),
  "line-chars-8192": { ...served({ url: { ...noUrl, path: `/${"a".repeat(8178)}` } }) },

  // Targets. RFC 9112 3.2: origin, absolute, authority (CONNECT) or asterisk form.
  ...each(["target-query-only", "target-relative", "target-opaque", "target-mailto"], refused(400)),
  ...each(["target-colon-only", "target-hostport"], refused(400)),
  // RFC 9112 3.2.1: a target that begins with a slash is a path.
  "target-double-slash": served({ url: { ...noUrl, path: "//evil.com/path" } }),
  "target-double-slash-userinfo": served({ url: { ...noUrl, path: "//u:p@evil.com:99/path" } }),
  // Choice: what Node's parser lets through is taken as it is, as in Nim; bytes above 0x7f it refuses.
  "target-asterisk-GET": served({ url: { ...noUrl, path: "*" } }),
  "target-path-query-frag": served({ url: { ...noUrl, path: "/a/b", query: "x=1&y=%20z+w", anchor: "f?g" } }),
  "target-percent-bad": served({ url: { ...noUrl, path: "/%zz%" } }),
  "target-backslash": served({ url: { ...noUrl, path: "/a\\b" } }),
  ...each(["target-utf8-raw", "target-bytes-ff-fe"], refused(400)),
  // A scheme may have a plus; Node's parser takes letters alone, and no client of an origin server sends another one.
  "target-absolute-unknown-scheme": { ...refused(400), otherwise: true },
  // RFC 9110 4.2.4: userinfo in a target that comes from somebody untrusted is an error.
  "target-absolute-userinfo": { ...refused(400), otherwise: true },

  // Header fields. RFC 9110 5.3: every line is kept. A value is never cut at its commas.
  "hdr-two-hosts": refused(400),
  "hdr-duplicate-apart": served(withHost(["x-a", "1"], ["x-a", "2"], ["x-b", "b"])),
  "hdr-cookie-two-lines": served(withHost(["cookie", "a=1"], ["cookie", "b=2"])),
  "hdr-comma-empty-elements": served(withHost(["x-a", "a,,b, ,c,"])),
  "hdr-date": served(withHost(["if-modified-since", "Sat, 29 Oct 1994 19:43:31 GMT"])),
  "hdr-user-agent": served(
    withHost(["user-agent", "Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1"]),
  ),
  "hdr-authorization-digest": served(withHost(["authorization", 'Digest username="u", realm="r", uri="/x,y"'])),
  "hdr-set-cookie-like": served(withHost(["set-cookie", "a=b; Expires=Wed, 21 Oct 2015 07:28:00 GMT"])),
  "hdr-cookie-leading-spaces": served(withHost(["cookie", "a=1"])),
  "hdr-leading-trailing-ws": served(withHost(["x-a", "v w"])),
  "hdr-200": served(withHost(...Array.from({ length: 200 }, (_, i) => [`x-${i}`, `v${i}`] as const))),
  // RFC 9112 5.1, 5.2 and RFC 9110 5.5; control characters are refused by choice, as by Node's parser.
  ...each(
    ["hdr-obs-fold-space", "hdr-obs-fold-tab", "hdr-no-colon", "hdr-empty-name", "hdr-bad-name-chars"],
    refused(400),
  ),
  ...each(["hdr-ctl-in-value", "hdr-connection-empty-list"], refused(400)),
  ...each(["post-cl-space-before-colon", "get-cl-space-before-colon", "chunked-te-space-before-colon"], refused(400)),
  // Choice: no limit for one line, but Node's 16 KiB for the whole head. Over it: RFC 6585 5, 431.
  "hdr-line-9KiB": served(withHost(["x-a", "v".repeat(9216)])),
  ...each(["hdr-10000-plus-host", "hdr-12000", "hdr-12000-same-name"], { statuses: [431], end: "gone" }),

  // Connection. RFC 9112 9.6: close is one token of a list.
  ...each(["v1.1-close-trailing-space", "v1.1-conn-list-close-second", "v1.1-conn-two-lines"], {
    statuses: [200],
    end: "eof",
  }),
  // RFC 9112 9.3.2: the responses before the bad request come first; what is behind it is not run.
  "conn-pipeline-bad-middle": { statuses: [200, 501], end: "eof" },
  "conn-idle-10s": { statuses: [408], end: "eof", timeouts: "short", bare: true },
  "conn-partial-10s": { statuses: [408], end: "eof", timeouts: "short", bare: true },
  // Choice: an upgrade that nobody takes up is an ordinary request (RFC 9110 7.8).
  ...each(
    ["conn-upgrade-websocket", "conn-keepalive-upgrade-list", "conn-upgrade-h2c"],
    served({ url: { path: "/w" } }),
  ),
  "conn-upgrade-pipelined": { statuses: [200, 200], end: "open", echo: { url: { path: "/g" } } },

  // Content-Length. Choice: without any length there is no body (nim-lang/Nim#6870), so what follows is the next request.
  "post-no-length": served({ bodyLen: 0 }),
  "post-no-length-with-body": { statuses: [200, [400, 501]], end: "eof" },
  "conn-pipeline-411-middle": { statuses: [200, 200], end: "open", echo: { url: { path: "/2" } } },
  // RFC 9110 8.6: 1*DIGIT. Choice: a repeated length is refused even where it is the same.
  ...each(
    ["post-cl-abc", "post-cl-plus5", "post-cl-minus5", "post-cl-5.0", "post-cl-1e1", "post-cl-quoted"],
    refused(400),
  ),
  ...each(
    ["post-cl-list-comma-5", "post-cl-minus0", "put-cl-abc", "get-cl-abc-then-request", "hdr-cl-vt"],
    refused(400),
  ),
  ...each(["post-cl-list-5-5", "post-cl-dup-same", "post-cl-dup-6-5"], refused(400)),
  "post-cl-05": served(hello),
  "post-cl-maxbody-plus1": { statuses: [413], end: "gone" },
  "post-cl-larger-left-open": { statuses: [408], end: "eof", timeouts: "short" },

  // Chunks. RFC 9112 7.1: chunked with any method; extensions and trailers belong to the message.
  ...each(["chunked-ext", "chunked-ext-last", "chunked-put", "chunked-patch"], served(hello)),
  "chunked-trailer": served({
    ...hello,
    headers: [
      ["host", "h"],
      ["transfer-encoding", "chunked"],
    ],
  }),
  "chunked-put-smuggle": served({
    bodyLen: 28,
    bodyHex: Buffer.from("GET /smuggled HTTP/1.1\r\nA: b").toString("hex"),
  }),
  // An extension that is legal but long; Node's parser has a limit of 16 KiB for those of a chunk.
  "chunked-size-line-9KiB": served(hello),
  ...each(["chunked-empty-size", "chunked-minus1", "chunked-0x5", "chunked-hash5", "chunked-underscore"], refused(400)),
  ...each(["chunked-space-after-size", "chunked-data-longer", "chunked-LF-after-data"], refused(400)),
  "chunked-ffffffffffffffff": { ...refused(400, 408, 413), timeouts: "short" },
  "chunked-8000000000000000": { ...refused(400, 408, 413), timeouts: "short" },
  "chunked-total-over-maxbody": { statuses: [413], end: "gone" },
  // RFC 9112 8: a body without its end is incomplete. The words are Nim's for a client that disconnects inside a chunk.
  ...each(["chunked-half-close-after-data", "chunked-half-close-after-0"], {
    ...refused(400),
    words: "Bad Request. Encoding separator must be \\r\\n",
  }),
  // RFC 9112 6.1 and 6.3.
  ...each(["chunked-te-then-cl", "chunked-clte-smuggle", "chunked-te-two-lines"], refused(400)),
  "chunked-te-gzip-chunked": refused(501),
  "chunked-te-xchunked": refused(400, 501),

  // Expect. RFC 9110 10.1.1.
  "expect-100-put-wait": { statuses: [100, 200], end: "open", echo: hello },
  "expect-100-post-over-max": refused(413),
  "expect-other-put": refused(417),

  // Responses. RFC 9110 6.4.1 and 15.2 to 15.4; the content of HEAD is that of GET, not sent.
  "method-HEAD": {
    ...served(),
    last: (response) => expect(Number(headerValues(response, "content-length")[0])).toBeGreaterThan(200),
  },
  "route-HEAD-then-get": { statuses: [200, 200], end: "open", echo: { url: { path: "/g" } } },
  "route-HEAD-status-204": { statuses: [204], end: "open", last: noContent([]) },
  "route-HEAD-status-404": { statuses: [404], end: "open", ran: 1, last: noContent(["10"]) },
  "status-304": { statuses: [304], end: "open", last: noContent([]) },
  "status-100": { statuses: [100, 200], end: "open", last: content("final after 100") },
  // What follows a 101 is no HTTP any more.
  "status-101": { statuses: [101], end: "switched", ran: 1, last: noContent([]) },
  // A status outside of 100 to 599 is an error and nothing is written.
  "status-99": { statuses: [500], end: "eof", ran: 1, errors: ["ERR_INVALID_STATUS"] },
  "status-299": { statuses: [299], end: "open", last: content("status 299") },
  "status-599": { statuses: [599], end: "open", ran: 1, last: content("status 599") },
  "route-GET-customlen": { statuses: [200], end: "open", last: noContent(["0"]) },
  "route-GET-sendheaders": { statuses: [200], end: "open", last: content("") },
  "route-GET-twice": { statuses: [200], end: "open", last: content("first"), errors: ["ERR_ALREADY_ANSWERED"] },

  // Errors of a handler never kill the process. The first has no response yet; the response of the second is whole.
  "raise-later": { statuses: [500], end: "eof", ran: 1, errors: [undefined] },
  "raise-after-respond": { statuses: [200], end: "open", last: content("answered, then raised"), errors: [undefined] },
};

// --- How a case is played ---------------------------------------------------------------------------------------

/** The packets that the fixture gives by length, hash and start only. */
const longPackets: Readonly<Record<string, () => Buffer>> = {
  "line-chars-8192": () => Buffer.from(`GET /${"a".repeat(8178)} HTTP/1.1\r\nHost: h\r\n\r\n`),
  "line-chars-8193": () => Buffer.from(`GET /${"a".repeat(8179)} HTTP/1.1\r\nHost: h\r\n\r\n`),
  "line-uri-8KiB": () => Buffer.from(`GET /${"a".repeat(8191)} HTTP/1.1\r\nHost: h\r\n\r\n`),
  "line-uri-9KiB": () => Buffer.from(`GET /${"a".repeat(9215)} HTTP/1.1\r\nHost: h\r\n\r\n`),
  "hdr-line-9KiB": () => withLines(`X-A: ${"v".repeat(9216)}\r\n`),
  "hdr-name-8000": () => withLines(`${"N".repeat(8000)}: v\r\n`),
  "hdr-10000-plus-host": () => withLines(numberedLines(10_000)),
  "hdr-12000": () => withLines(numberedLines(12_000)),
  "hdr-12000-same-name": () => withLines("X-A: v\r\n".repeat(12_000)),
  "post-cl-maxbody-plus1": () =>
    Buffer.concat([
      Buffer.from("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 8388609\r\n\r\n"),
      Buffer.alloc(8_388_609, "a"),
    ]),
  "chunked-total-over-maxbody": () => {
    const chunks = [..."abbbbbbbb"].map((letter) => `100000\r\n${letter.repeat(0x100000)}\r\n`);
    return Buffer.from(`POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${chunks.join("")}0\r\n\r\n`);
  },
  "chunked-size-line-9KiB": () =>
    Buffer.from(
      `POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;${"x".repeat(9216)}\r\nhello\r\n0\r\n\r\n`,
    ),
};

function withLines(lines: string): Buffer {
  return Buffer.from(`GET /h HTTP/1.1\r\nHost: h\r\n${lines}\r\n`);
}

function numberedLines(count: number): string {
  return Array.from({ length: count }, (_, i) => `X-${i}: v\r\n`).join("");
}

function bytesOf(name: string, packet: Packet): Buffer {
  if (typeof packet === "string") return Buffer.from(packet, "base64");
  const bytes = longPackets[name]?.() ?? Buffer.alloc(0);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  expect({ len: bytes.length, sha256 }).toEqual({ len: packet.len, sha256: packet.sha256 });
  return bytes;
}

/** The methods of the requests in the packets: they decide how their responses are framed. */
function methodsOf(nimCase: NimCase): string[] {
  const first = nimCase.steps.find((step) => step[0] === "send")?.[1];
  return typeof first === "string" && Buffer.from(first, "base64").toString("latin1").startsWith("HEAD ")
    ? ["HEAD"]
    : [];
}

async function play(client: RawClient, nimCase: NimCase): Promise<void> {
  for (const step of nimCase.steps) {
    if (step[0] === "send") await client.send(bytesOf(nimCase.name, step[1]));
    else if (step[0] === "half") client.half();
    else if (step[0] === "rst") client.reset();
    // A pause of the recorded client: here it lasts until the server has read what was sent so far.
    else await roundTrip(app);
  }
}

const app = shareParityApp();
const shortApp = shareParityApp(shortTimeouts);

/** Names in order, so that Nim's hash order and wire order compare; a list stays one value. */
function sorted(headers: Echo["headers"]): string[] {
  return headers.map(([name, value]) => `${name}: ${value}`).sort();
}

/** Nim cuts a value at its commas. Documented difference: here it is one value until somebody asks for its elements. */
function cut(headers: Echo["headers"]): string[] {
  return sorted(headers.flatMap(([name, value]) => value.split(",").map((part) => [name, part.trim()] as const)));
}

async function expectAsDecided(nimCase: NimCase, expected: Expectation): Promise<void> {
  const { statuses, end } = expected;
  const server = expected.timeouts === "short" ? shortApp : app;
  const finals = countFinals(statuses);
  const outcome = await outcomeOf(server, methodsOf(nimCase), (client) => play(client, nimCase), finals, end);
  expectStatuses(outcome.responses, statuses);
  if (end === "eof" || end === "open") expect(outcome.end).toBe(end);
  const ran =
    expected.ran ?? statuses.filter((status) => typeof status === "number" && status >= 200 && status < 400).length;
  expect(outcome.ran).toHaveLength(ran);
  expect(outcome.ran.join()).not.toContain("smuggled");
  expect(outcome.errors.map((error) => (error as { code?: string }).code)).toEqual(expected.errors ?? []);
  const last = outcome.responses.at(-1);
  // Nothing else ends a connection with an error status here.
  if (end !== "open" && last !== undefined && last.status >= 400) {
    if (expected.bare === true) expectBareErrorResponse(last);
    else expectErrorResponse(last, expected.words);
  }
  if (last !== undefined) expected.last?.(last);
  if (expected.echo !== undefined) expectEcho(echoOf(last), expected.echo);
}

function expectEcho(echo: Echo, { headers, ...fields }: PartialEcho): void {
  expect(echo).toMatchObject(fields);
  if (headers !== undefined) expect(sorted(echo.headers)).toEqual(sorted(headers));
}

/** Cuts the recorded responses apart, as far as the recording goes; Nim's are not all valid enough for the strict parser. */
function nimResponses(nimCase: NimCase): Array<{ head: string; body: string; cut: boolean }> {
  const text = Buffer.from(nimCase.nim.response ?? "", "base64").toString("latin1");
  const responses = [];
  for (let at = 0; at < text.length;) {
    const headEnd = text.indexOf("\r\n\r\n", at);
    const head = text.slice(at, headEnd);
    const length = Number(/\r\ncontent-length: ([0-9]+)/i.exec(head)?.[1] ?? 0);
    at = headEnd + 4 + length;
    responses.push({ head, body: text.slice(headEnd + 4, at), cut: at > text.length });
  }
  return responses;
}

async function expectAsNim(nimCase: NimCase): Promise<void> {
  const recorded = nimResponses(nimCase);
  expect(recorded).toHaveLength(nimCase.nim.statuses.length);
  const finals = nimCase.nim.statuses.filter((status) => status >= 200);
  const { end } = nimCase.nim;
  const outcome = await outcomeOf(app, methodsOf(nimCase), (client) => play(client, nimCase), finals.length, end);
  expectStatuses(outcome.responses, nimCase.nim.statuses);
  if (end !== "client-rst") expect(outcome.end).toBe(end);
  // The routes of the group choose their status; elsewhere an error response is the server's, and nothing was run.
  const answered = nimCase.group === "response" ? finals : finals.filter((status) => status < 400);
  if (end !== "client-rst") expect(outcome.ran).toHaveLength(answered.length);
  outcome.responses.forEach((response, i) => {
    const nim = recorded[i] ?? { head: "", body: "", cut: true };
    const [nimStatusLine = "", ...lines] = nim.head.split("\r\n");
    expect(response.head.split("\r\n")[0]).toBe(nimStatusLine);
    const isEcho = /\r\ncontent-type: application\/json/.test(nim.head);
    for (const line of lines) {
      const [name = "", value = ""] = line.split(": ");
      // The echo's length differs with its header list.
      const expected = isEcho && name === "Content-Length" ? String(response.body.length) : value;
      expect(headerValues(response, name)).toEqual([expected]);
    }
    if (nim.cut) return;
    if (!isEcho) expect(response.body.toString("latin1")).toBe(nim.body);
    else expectEchoOfNim(echoOf(response), JSON.parse(nim.body) as Echo);
  });
}

function expectEchoOfNim(echo: Echo, nim: Echo): void {
  const { headers, ...fields } = echo;
  expect(nim).toMatchObject(fields);
  expect(cut(headers)).toEqual(cut(nim.headers));
}

// --- The cases --------------------------------------------------------------------------------------------------

test("the fixture holds all 230 cases, and each that is not kept has one expectation", () => {
  const count = (verdict: string): number => cases.filter((nimCase) => nimCase.verdict === verdict).length;
  expect([cases.length, count("keep"), count("fix"), count("choice")]).toEqual([230, 74, 124, 32]);
  const names = new Set(cases.map((nimCase) => nimCase.name));
  expect(names.size).toBe(230);
  const undecided = cases.filter(({ name, verdict }) => verdict !== "keep" && expectations[name] === undefined);
  expect(undecided.map(({ name }) => name)).toEqual([]);
  expect(Object.keys(expectations).filter((name) => !names.has(name))).toEqual([]);
});

const rows = cases.map((nimCase) => [`${nimCase.name} (${nimCase.verdict})`, nimCase] as const);

describe("a real Nim server's cases", () => {
  test.each(rows)("%s", async (_name, nimCase) => {
    const expected = expectations[nimCase.name];
    if (nimCase.verdict === "keep" && expected?.otherwise !== true) await expectAsNim(nimCase);
    else if (expected === undefined) throw new Error(`no expectation for ${nimCase.name}: ${nimCase.why}`);
    if (expected !== undefined) await expectAsDecided(nimCase, expected);
  });
});
