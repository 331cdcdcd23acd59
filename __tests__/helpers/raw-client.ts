import net from "node:net";

/** One response as it stood on the wire. Header names keep their letters, values are latin1. */
export interface RawResponse {
  readonly status: number;
  readonly reason: string;
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  readonly body: Buffer;
  /** 100, 102 or 103: another response follows for the same request. */
  readonly interim: boolean;
  /** False when the connection ended before the announced content was complete. */
  readonly whole: boolean;
  /** Status line and header fields exactly as sent, without the empty line. */
  readonly head: string;
}

/** `open`: the server has not ended its side. `eof`: it has. `reset`: the connection broke. */
export type ConnectionState = "open" | "eof" | "reset";

/** Milliseconds for one wait: far more than any takes, also on a busy machine. */
const deadline = 8_000;
// A test may take longer than one wait, whose error tells what it waited for.
jest.setTimeout(20_000);

const connected = new Set<RawClient>();

/** Breaks every connection that a test left open: call it after each test. */
export function closeRawClients(): void {
  for (const client of connected) client.destroy();
}

/** The values of a header, in wire order, whatever the letters of its name. */
export function headerValues(response: RawResponse, name: string): string[] {
  return response.headers.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
}

function toBytes(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? Buffer.from(data, "latin1") : data;
}

/**
 * A client that sends exactly the bytes it is told to, and takes nothing but valid HTTP for a response.
 *
 * Every wait ends with what it waits for, with a fault in the server's bytes, or at one overall deadline.
 */
export class RawClient {
  /** Every response so far, interim ones too. */
  readonly responses: RawResponse[] = [];
  readonly socket: net.Socket;
  state: ConnectionState = "open";
  readonly #parser: ResponseParser;
  readonly #watchers = new Set<() => void>();
  #fault: Error | undefined;

  private constructor(socket: net.Socket, methods: readonly string[]) {
    this.socket = socket;
    this.#parser = new ResponseParser(methods, (response) => this.responses.push(response));
    connected.add(this);
    socket.setNoDelay(true);
    socket.on("connect", () => this.#notify());
    socket.on("data", (bytes: Buffer) => this.#take(() => this.#parser.push(bytes)));
    socket.on("end", () => {
      this.state = "eof";
      this.#take(() => this.#parser.finish());
    });
    socket.on("error", () => {
      if (this.state === "open") {
        this.state = "reset";
        this.#take(() => this.#parser.finish());
      }
    });
    socket.on("close", () => {
      connected.delete(this);
      if (this.state === "open") this.state = "reset";
      this.#notify();
    });
  }

  /**
   * @param methods what will be asked, in order: the framing of a response depends on it. Beyond the list: GET.
   */
  static async connect(server: { getPort(): number }, methods: readonly string[] = []): Promise<RawClient> {
    const socket = net.connect({ host: "127.0.0.1", port: server.getPort(), allowHalfOpen: true });
    const client = new RawClient(socket, methods);
    await client.#until(() => !socket.connecting, "the connection");
    if (client.state !== "open") throw new Error("the server took no connection");
    return client;
  }

  /** Settles when the operating system has the bytes, or when the connection is gone. */
  send(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.socket.write(toBytes(data), () => resolve());
    });
  }

  /** One byte a write, each in a turn of the event loop of its own, so that the server reads it alone. */
  async sendBytewise(data: string | Uint8Array): Promise<void> {
    for (const byte of toBytes(data)) {
      await this.send(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Shuts the sending side; the responses can still be read. */
  half(): void {
    this.socket.end();
  }

  /** Breaks the connection with a RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Ends the connection without a word. */
  destroy(): void {
    this.socket.destroy();
  }

  /** Waits for `count` final responses in all and gives every response so far; the connection may end with the last. */
  async read(count: number): Promise<RawResponse[]> {
    const enough = (): boolean => this.responses.filter((response) => !response.interim).length >= count;
    await this.#until(() => enough() || this.state !== "open", `${count} responses`);
    if (!enough()) throw new Error(`connection ended (${this.state}) before ${count} responses: ${this.#story()}`);
    return [...this.responses];
  }

  /** Waits for `count` responses in all, interim ones counted. */
  async readAny(count: number): Promise<RawResponse[]> {
    await this.#until(
      () => this.responses.length >= count || this.state !== "open",
      `${count} responses, interim ones counted`,
    );
    if (this.responses.length < count)
      throw new Error(`connection ended (${this.state}) before ${count} responses: ${this.#story()}`);
    return [...this.responses];
  }

  /** Waits until the server has ended the connection and gives every response. */
  async end(): Promise<RawResponse[]> {
    await this.#until(() => this.state !== "open", "the end of the connection");
    return [...this.responses];
  }

  #take(action: () => void): void {
    try {
      action();
    } catch (fault) {
      this.#fault ??= fault as Error;
    }
    this.#notify();
  }

  #notify(): void {
    for (const watcher of this.#watchers) watcher();
  }

  #until(reached: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void): void => {
        clearTimeout(timer);
        this.#watchers.delete(check);
        outcome();
      };
      const check = (): void => {
        const fault = this.#fault;
        if (fault !== undefined) settle(() => reject(fault));
        else if (reached()) settle(resolve);
      };
      const timer = setTimeout(() => {
        settle(() => reject(new Error(`waited ${deadline} ms for ${what}: ${this.#story()}`)));
      }, deadline);
      this.#watchers.add(check);
      check();
    });
  }

  #story(): string {
    return `connection ${this.state}, received ${JSON.stringify(this.#parser.start)}`;
  }
}

/** Header fields that a message may hold at most once. */
const singular = new Set(["content-length", "transfer-encoding", "content-type", "connection", "date"]);
const statusLine = /^HTTP\/1\.1 ([1-5][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)$/;
const fieldLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/;

type Head = Omit<RawResponse, "body" | "whole">;

type Framing =
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "rest" }
  | { readonly kind: "switched" };

/** Cuts a byte stream into responses; throws at the first byte that RFC 9112 does not allow there. */
class ResponseParser {
  /** The first bytes of the connection, for the message of a failure. */
  start = "";
  readonly #methods: readonly string[];
  readonly #emit: (response: RawResponse) => void;
  /** What has arrived and is not part of a complete response yet. */
  #bytes = Buffer.alloc(0);
  #finals = 0;
  /** What still comes is no HTTP any more. */
  #switched = false;
  #open: { response: Head; framing: Framing } | undefined;

  constructor(methods: readonly string[], emit: (response: RawResponse) => void) {
    this.#methods = methods;
    this.#emit = emit;
  }

  push(bytes: Buffer): void {
    if (this.start.length < 600) this.start += bytes.toString("latin1", 0, 600);
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    while (this.#step());
  }

  /** The connection is over: content without a length ends here, and a message cut short shows as not whole. */
  finish(): void {
    if (this.#open !== undefined) {
      const { response, framing } = this.#open;
      this.#emit({ ...response, body: this.#take(this.#bytes.length), whole: framing.kind === "rest" });
    } else if (this.#bytes.length > 0 && !this.#switched) {
      throw new Error(`the connection ended inside a head: ${this.#here()}`);
    }
    this.#open = undefined;
  }

  /** @returns true when a part of a message was taken, so that another may follow. */
  #step(): boolean {
    if (this.#switched) return false;
    if (this.#open === undefined) return this.#head();
    const { response, framing } = this.#open;
    this.#switched = framing.kind === "switched";
    const body = this.#content(framing);
    if (body === undefined) return false;
    this.#open = undefined;
    this.#emit({ ...response, body, whole: true });
    return true;
  }

  #content(framing: Framing): Buffer | undefined {
    if (framing.kind === "rest") return undefined;
    if (framing.kind === "chunked") return this.#chunks();
    const length = framing.kind === "length" ? framing.length : 0;
    return this.#bytes.length < length ? undefined : this.#take(length);
  }

  #take(length: number): Buffer {
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }

  #head(): boolean {
    const end = this.#bytes.indexOf("\r\n\r\n");
    if (end < 0) {
      const start = this.#bytes.toString("latin1", 0, 9);
      if (!"HTTP/1.1 ".startsWith(start)) throw new Error(`no status line: ${this.#here()}`);
      return false;
    }
    const head = this.#bytes.toString("latin1", 0, end);
    const [first = "", ...lines] = head.split("\r\n");
    const status = statusLine.exec(first);
    if (status === null) throw new Error(`not a status line: ${this.#here()}`);
    const headers = lines.map((line): [string, string] => {
      const field = fieldLine.exec(line);
      if (field === null) throw new Error(`not a header field, ${JSON.stringify(line)}: ${this.#here()}`);
      return [field[1] ?? "", field[2] ?? ""];
    });
    const code = Number(status[1]);
    const interim = code < 200 && code !== 101;
    const response = { status: code, reason: status[2] ?? "", headers, interim, head };
    const method = this.#methods[this.#finals] ?? "GET";
    if (!interim) this.#finals += 1;
    this.#open = { response, framing: this.#framing(response, method) };
    this.#take(end + 4);
    return true;
  }

  /** RFC 9112 6.3, and the duties of a sender in RFC 9110 8.6 and RFC 9112 6.1. */
  #framing(response: Head, method: string): Framing {
    const seen = new Map<string, string>();
    for (const [name, value] of response.headers) {
      const key = name.toLowerCase();
      if (singular.has(key) && seen.has(key)) throw new Error(`two ${name} lines: ${this.#here()}`);
      seen.set(key, value);
    }
    const length = seen.get("content-length");
    const coding = seen.get("transfer-encoding");
    if (length !== undefined && coding !== undefined) throw new Error(`two framings: ${this.#here()}`);
    if (length !== undefined && !/^[0-9]+$/.test(length)) throw new Error(`bad Content-Length: ${this.#here()}`);
    if (coding !== undefined && coding !== "chunked") throw new Error(`bad Transfer-Encoding: ${this.#here()}`);
    const tunnel = response.status === 101 || (method === "CONNECT" && response.status >= 200 && response.status < 300);
    if (response.status < 200 || response.status === 204 || tunnel) {
      if (length !== undefined || coding !== undefined)
        throw new Error(`framing where none may stand: ${this.#here()}`);
      return tunnel ? { kind: "switched" } : { kind: "length", length: 0 };
    }
    if (method === "HEAD" || response.status === 304) return { kind: "length", length: 0 };
    if (coding !== undefined) return { kind: "chunked" };
    return length === undefined ? { kind: "rest" } : { kind: "length", length: Number(length) };
  }

  #chunks(): Buffer | undefined {
    const parts: Buffer[] = [];
    let at = 0;
    for (;;) {
      const lineEnd = this.#bytes.indexOf("\r\n", at);
      if (lineEnd < 0) return undefined;
      const line = this.#bytes.toString("latin1", at, lineEnd);
      if (!/^[0-9A-Fa-f]+$/.test(line)) throw new Error(`bad chunk size ${JSON.stringify(line)}: ${this.#here()}`);
      const size = parseInt(line, 16);
      const dataEnd = lineEnd + 2 + size;
      if (this.#bytes.length < dataEnd + 2) return undefined;
      if (this.#bytes.toString("latin1", dataEnd, dataEnd + 2) !== "\r\n")
        throw new Error(`bad chunk end: ${this.#here()}`);
      at = dataEnd + 2;
      if (size === 0) {
        this.#take(at);
        return Buffer.concat(parts);
      }
      parts.push(this.#bytes.subarray(lineEnd + 2, dataEnd));
    }
  }

  #here(): string {
    return JSON.stringify(this.#bytes.toString("latin1", 0, 400));
  }
}
