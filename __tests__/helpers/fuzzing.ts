import { createHash } from "node:crypto";
import net from "node:net";
import { newAsyncHttpServer, type AsyncHttpServer, type Request } from "../../lib/index";

/** A valid request, and what the handler must see of it. */
interface Template {
  readonly text: string;
  readonly method: string;
  readonly target: string;
  readonly body?: string;
  /** Nothing behind it is run; with some versions of Node, `perhaps`. */
  readonly last?: true | "perhaps";
}

const chunks = '5;name="a,b"\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Trailer: t\r\n\r\n';

const templates: readonly Template[] = [
  {
    method: "GET",
    target: "/a?b=c",
    text: "GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nAccept: text/html, */*;q=0.8\r\n\r\n",
  },
  { method: "HEAD", target: "/", text: "HEAD / HTTP/1.1\r\nHost: h:8080\r\nConnection: keep-alive\r\n\r\n" },
  {
    method: "POST",
    target: "/p",
    body: "a=1&b=2",
    text: "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\na=1&b=2",
  },
  {
    method: "PUT",
    target: "/c",
    body: "hello world",
    text: `PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`,
  },
  {
    method: "POST",
    target: "/e",
    body: "12345",
    text: "POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n12345",
  },
  { method: "OPTIONS", target: "*", text: "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n" },
  { method: "GET", target: "http://h/x?y", text: "GET http://h/x?y HTTP/1.1\r\nHost: h\r\nCookie: a=b; c=d\r\n\r\n" },
  { method: "GET", target: "/old", last: true, text: "GET /old HTTP/1.0\r\n\r\n" },
  {
    method: "POST",
    target: "/old",
    last: true,
    body: "xyz",
    text: "POST /old HTTP/1.0\r\nContent-Length: 3\r\n\r\nxyz",
  },
  {
    method: "GET",
    target: "/last",
    last: true,
    text: "GET /last HTTP/1.1\r\nHost: h\r\nConnection: foo, close\r\n\r\n",
  },
  {
    method: "GET",
    target: "/ws",
    text: "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
  },
  {
    method: "POST",
    target: "/up",
    body: "four",
    text: "POST /up HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nfour",
    last: "perhaps",
  },
  { method: "CONNECT", target: "h:443", text: "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n" },
  {
    method: "PROPFIND",
    target: "/d/",
    body: "<a/>",
    text: "PROPFIND /d/ HTTP/1.1\r\nHost: h\r\nDepth: 1\r\nContent-Length: 4\r\n\r\n<a/>",
  },
  { method: "DELETE", target: "/m", text: `DELETE /m HTTP/1.1\r\nHost: h\r\n${"X-Many: v\r\n".repeat(40)}\r\n` },
];

/** Bytes and words that decide something in HTTP. */
const words = [
  "\r",
  "\n",
  "\r\n",
  "\r\n\r\n",
  " ",
  "\t",
  ":",
  ",",
  ";",
  "\0",
  "\x7f",
  "\xff",
  "0",
  "-1",
  "+5",
  "0x10",
  "99999999999999999999",
  "Content-Length: 5\r\n",
  "Content-Length: 0\r\n",
  "content-length : 3\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: gzip\r\n",
  "Transfer-Encoding: chunked, chunked\r\n",
  "Connection: close\r\n",
  "Connection: keep-alive\r\n",
  "Connection: upgrade\r\nUpgrade: x\r\n",
  "Expect: 100-continue\r\n",
  "Expect: 200-ok\r\n",
  "Host: other\r\n",
  "Host: \r\n",
  " folded\r\n",
  "HTTP/1.0",
  "HTTP/2.0",
  "HTTP/1.1",
  "GET / HTTP/1.1\r\n\r\n",
  "0\r\n\r\n",
  "ffffffff\r\n",
  "CONNECT",
  "HEAD ",
  "../..//",
  "%00",
  "#frag",
];

/** A number from 0 to below 1 at each call; the same ones for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Pick = (below: number) => number;
type Mutation = (text: string, pick: Pick) => string;

function splice(text: string, at: number, removed: number, added: string): string {
  return text.slice(0, at) + added + text.slice(at + removed);
}

function lineStart(text: string, pick: Pick): number {
  const starts = [...text.matchAll(/\r\n/g)].map(({ index }) => index + 2);
  return starts[pick(starts.length)] ?? 0;
}

const mutations: Readonly<Record<string, Mutation>> = {
  flip(text, pick) {
    const at = pick(text.length);
    return splice(text, at, 1, String.fromCharCode((text.charCodeAt(at) || 0) ^ (1 << pick(8))));
  },
  replace: (text, pick) => splice(text, pick(text.length), 1, String.fromCharCode(pick(256))),
  insert: (text, pick) => splice(text, pick(text.length + 1), 0, String.fromCharCode(pick(256))),
  insertWord: (text, pick) => splice(text, pick(text.length + 1), 0, words[pick(words.length)]!),
  insertLine: (text, pick) => splice(text, lineStart(text, pick), 0, words[pick(words.length)]!),
  remove: (text, pick) => splice(text, pick(text.length), 1 + pick(6), ""),
  duplicate(text, pick) {
    const at = pick(text.length);
    return splice(text, at, 0, text.slice(at, at + 1 + pick(40)));
  },
  swapLines(text, pick) {
    const lines = text.split("\r\n");
    const [one, other] = [pick(lines.length), pick(lines.length)];
    [lines[one], lines[other]] = [lines[other]!, lines[one]!];
    return lines.join("\r\n");
  },
  changeNumber(text, pick) {
    const numbers = [...text.matchAll(/[0-9]+/g)];
    const number = numbers[pick(numbers.length)];
    if (number === undefined) return text;
    const value = Number(number[0]);
    const changed = [
      value + 1,
      value - 1,
      value * 10,
      value + 1e6,
      -value,
      0,
      `0${value}`,
      `${value}.0`,
      2 ** 32 + value,
    ][pick(9)];
    return splice(text, number.index, number[0].length, String(changed));
  },
  changeCase(text, pick) {
    const at = pick(text.length);
    const piece = text.slice(at, at + 12);
    return splice(text, at, 12, pick(2) === 0 ? piece.toUpperCase() : piece.toLowerCase());
  },
  cut: (text, pick) => text.slice(0, pick(text.length + 1)),
  repeatByte: (text, pick) =>
    splice(text, pick(text.length + 1), 0, String.fromCharCode(pick(256)).repeat(1 << pick(15))),
};

const mutationNames = Object.keys(mutations);

export interface FuzzCase {
  readonly seed: number;
  /** The requests from which it was made. */
  readonly from: readonly Template[];
  /** What was done to them; nothing leaves them valid. */
  readonly steps: readonly string[];
  /** latin1 */
  readonly packets: readonly string[];
  /** How the handler answers. */
  readonly style: Style;
}

type Style = "at once" | "later" | "stream";
const styles: readonly Style[] = ["at once", "later", "stream"];

/** The case that belongs to a seed. */
export function fuzzCase(seed: number): FuzzCase {
  const random = randomFrom(seed);
  const pick: Pick = (below) => Math.floor(random() * below);
  const from = Array.from({ length: pick(3) === 0 ? 2 + pick(3) : 1 }, () => templates[pick(templates.length)]!);
  let text = from.map((each) => each.text).join("");
  // One in ten stays valid.
  const steps = Array.from(
    { length: pick(10) === 0 ? 0 : 1 + pick(4) },
    () => mutationNames[pick(mutationNames.length)]!,
  );
  for (const step of steps) text = mutations[step]!(text, pick);
  const cuts = Array.from({ length: pick(2) === 0 ? 0 : 1 + pick(5) }, () => pick(text.length + 1)).sort(
    (a, b) => a - b,
  );
  const packets = [...cuts, text.length]
    .map((end, i) => text.slice(i === 0 ? 0 : cuts[i - 1], end))
    .filter((packet) => packet !== "");
  return { seed, from, steps, packets, style: styles[pick(styles.length)]! };
}

interface Seen {
  readonly n: number;
  readonly method: string;
  readonly target: string;
  readonly length: number;
  readonly hash: string;
}

function hash(body: Buffer): string {
  return createHash("sha1").update(body).digest("hex");
}

/** A server that shows in its responses what its handler saw. */
export class FuzzedServer {
  readonly server: AsyncHttpServer;
  readonly #errors: unknown[] = [];
  #style: Style = "at once";
  #ran = 0;

  constructor() {
    this.server = newAsyncHttpServer({ onError: (error) => this.#errors.push(error) });
  }

  async start(): Promise<void> {
    await this.server.listen(0);
    void this.server.serve((request) => this.#answer(request));
  }

  async #answer(request: Request): Promise<void> {
    const { reqMethod: method, rawBody } = request;
    const seen: Seen = {
      n: this.#ran++,
      method,
      target: request.raw.url!,
      length: rawBody.length,
      hash: hash(rawBody),
    };
    const content = JSON.stringify(seen);
    if (this.#style !== "at once") await new Promise((resolve) => setImmediate(resolve));
    const status = method === "CONNECT" ? 405 : 200;
    await request.respond(status, this.#style === "stream" ? pieces(content) : content, { "x-seen": content });
  }

  /** Plays a case; throws where the server did anything that it must not do. */
  async play(fuzz: FuzzCase): Promise<"reset" | "eof"> {
    this.#style = fuzz.style;
    this.#ran = 0;
    this.#errors.length = 0;
    const { received, end } = await exchange(this.server.getPort(), fuzz.packets);
    try {
      if (end === "open") throw new Error("the connection was not ended");
      const { seen, error } = readResponses(received, end);
      checkSeen(fuzz, seen, error, end, this.#ran);
      if (this.#errors.length > 0) throw new Error(`the handler failed: ${String(this.#errors[0])}`);
      const good = await exchange(this.server.getPort(), [
        "GET /good HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
      ]);
      if (!good.received.startsWith("HTTP/1.1 200 OK\r\n"))
        throw new Error(`the good request behind it got ${shown(good.received)}`);
      return end;
    } catch (cause) {
      throw new Error(describeFailure(fuzz, received, end, cause as Error), { cause });
    }
  }
}

async function* pieces(content: string): AsyncGenerator<string> {
  yield content.slice(0, 10);
  await new Promise((resolve) => setImmediate(resolve));
  yield content.slice(10);
}

interface Outcome {
  /** latin1 */
  readonly received: string;
  readonly end: "eof" | "reset" | "open";
}

/** Sends the packets, each in a turn of its own, shuts the sending side, and reads to the end. */
function exchange(port: number, packets: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: "127.0.0.1", port, noDelay: true, allowHalfOpen: true });
    let received = "";
    const settle = (end: Outcome["end"]): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ received, end });
    };
    const timer = setTimeout(() => settle("open"), 4_000);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => (received += text));
    socket.on("error", () => undefined);
    socket.on("end", () => settle("eof"));
    socket.on("close", () => settle("reset"));
    const send = (index: number): void => {
      if (index === packets.length) return void socket.end();
      socket.write(packets[index]!, "latin1", () => setImmediate(send, index + 1));
    };
    socket.once("connect", () => send(0));
  });
}

/** Cuts what came back into responses, by the letter of RFC 9112. */
function readResponses(received: string, end: "eof" | "reset"): { seen: Seen[]; error: number } {
  const seen: Seen[] = [];
  let at = 0;
  while (at < received.length) {
    const headEnd = received.indexOf("\r\n\r\n", at);
    if (headEnd === -1) {
      if (end === "reset") break;
      throw new Error(`half a head at ${at}`);
    }
    const [first = "", ...lines] = received.slice(at, headEnd).split("\r\n");
    const status = Number(/^HTTP\/1\.1 ([1-5][0-9][0-9]) [\x20-\x7e]+$/.exec(first)?.[1]);
    if (Number.isNaN(status)) throw new Error(`no status line at ${at}: ${shown(first)}`);
    const headers = new Map<string, string>();
    for (const line of lines) {
      const [, name, value] = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ([\t\x20-\x7e\x80-\xff]*)$/.exec(line) ?? [];
      if (name === undefined || headers.has(name.toLowerCase())) throw new Error(`the header field ${shown(line)}`);
      headers.set(name.toLowerCase(), value!);
    }
    at = headEnd + 4;
    if (status === 100) continue;
    const shownSeen = headers.get("x-seen");
    const own = shownSeen === undefined ? undefined : (JSON.parse(shownSeen) as Seen);
    if (own === undefined) {
      const length = Number(headers.get("content-length"));
      const content = received.slice(at);
      if (![400, 408, 413, 414, 417, 431, 501, 505].includes(status)) throw new Error(`an unexpected status ${status}`);
      if (headers.get("connection") !== "close") throw new Error(`${status} without Connection: close`);
      // To HEAD the content is left out.
      if (content !== "" && content.length !== length)
        throw new Error(`bytes behind the error response: ${shown(content)}`);
      return { seen, error: status };
    }
    const { content, next } = readContent(received, at, headers, own);
    if (content === undefined) {
      if (end === "reset") break;
      throw new Error(`the response at ${at} is cut`);
    }
    if (own.method !== "HEAD" && content !== shownSeen) throw new Error(`the content ${shown(content)}`);
    seen.push(own);
    at = next;
  }
  return { seen, error: 0 };
}

function readContent(
  received: string,
  at: number,
  headers: Map<string, string>,
  own: Seen,
): { content?: string; next: number } {
  if (own.method === "HEAD") return { content: "", next: at };
  const length = headers.get("content-length");
  const chunked = headers.get("transfer-encoding") === "chunked";
  if (chunked && length !== undefined) throw new Error("two framings");
  if (length !== undefined) {
    const next = at + Number(length);
    return next > received.length ? { next } : { content: received.slice(at, next), next };
  }
  if (!chunked) return { content: received.slice(at), next: received.length };
  let content = "";
  for (;;) {
    const lineEnd = received.indexOf("\r\n", at);
    if (lineEnd === -1) return { next: at };
    const size = parseInt(received.slice(at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (next > received.length) return { next };
    if (Number.isNaN(size) || received.slice(next - 2, next) !== "\r\n") throw new Error("a broken chunk");
    if (size === 0) return { content, next };
    content += received.slice(lineEnd + 2, next - 2);
    at = next;
  }
}

/** What the handler saw must be the requests, in order, and nothing that nobody has sent. */
function checkSeen(fuzz: FuzzCase, seen: readonly Seen[], error: number, end: string, ran: number): void {
  const sent = fuzz.packets.join("");
  const versions = sent.split(/HTTP\/1\./i).length - 1;
  if (ran > versions) throw new Error(`${ran} requests were run, and only ${versions} can have been sent`);
  if (end === "eof" && seen.length !== ran) throw new Error(`${ran} requests were run and ${seen.length} answered`);
  seen.forEach(({ n, method, target, length }, i) => {
    if (n !== i) throw new Error(`response ${i} belongs to request ${n}`);
    if (!sent.includes(method) || !sent.includes(target)) throw new Error(`nobody has sent ${method} ${shown(target)}`);
    if (length > sent.length) throw new Error(`a body of ${length} bytes, though ${sent.length} were sent`);
  });
  if (fuzz.steps.length > 0) return;
  const last = fuzz.from.findIndex(
    (each, i) => each.last === true || (each.last === "perhaps" && seen.length === i + 1),
  );
  const expected = (last === -1 ? fuzz.from : fuzz.from.slice(0, last + 1)).map(({ method, target, body = "" }, n) => {
    return { n, method, target, length: body.length, hash: hash(Buffer.from(body)) };
  });
  if (JSON.stringify(seen) !== JSON.stringify(expected))
    throw new Error(`valid requests were answered as ${JSON.stringify(seen)}`);
  if (error !== 0) throw new Error(`valid requests were answered ${error}`);
}

function shown(text: string): string {
  return JSON.stringify(text).replace(/[\x7f-\xff]/g, (byte) => `\\u00${byte.charCodeAt(0).toString(16)}`);
}

function describeFailure(fuzz: FuzzCase, received: string, end: string, cause: Error): string {
  return [
    cause.message,
    `once more: SEED=${fuzz.seed} FUZZ=1 npx jest fuzz`,
    `mutations: ${fuzz.steps.join(", ") || "none"}; the handler answers ${fuzz.style}`,
    ...fuzz.packets.map((packet) => `sent: ${shown(packet)}`),
    `received (${end}): ${shown(received)}`,
  ].join("\n");
}

/** Plays `count` cases from a seed on; gives how many connections were reset. */
export async function fuzz(seed: number, count: number): Promise<{ reset: number; valid: number }> {
  const fuzzed = new FuzzedServer();
  await fuzzed.start();
  let reset = 0;
  let valid = 0;
  try {
    for (let i = 0; i < count; i++) {
      const each = fuzzCase(seed + i);
      if (each.steps.length === 0) valid++;
      if ((await fuzzed.play(each)) === "reset") reset++;
    }
  } finally {
    await fuzzed.server.close();
  }
  return { reset, valid };
}
