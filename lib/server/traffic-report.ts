import { shortened } from "../errors";
import { codeToString } from "../http/status";
import type { Connection } from "../wire/connection";
import type { Exchange } from "../wire/exchange";

/** How many finished requests are remembered; the same ones in a row, as a poller sends them, count as one. */
const REMEMBERED = 64;
/** How far back the same request is looked for: two pollers take turns. */
const SAME_WITHIN = 4;
/** How many lines a report has at most. */
const LONGEST = 20;
/** How much of what is no request a report looks at, in bytes. */
const LOOKED_AT = 200;

/** What a URL with the wrong scheme leads to. */
const SPOKE_TLS = "a TLS handshake, but this server speaks plain HTTP: the client's URL has to start with http://";
const SPOKE_PLAIN_HTTP = "plain HTTP, but this server speaks HTTPS: the client's URL has to start with https://";

/** The status of a request that came behind the last one on its connection. */
const DROPPED = -1;

/** What a client does that refuses the certificate. */
const BROKE_OFF = "a TLS handshake that the client broke off: does it trust the certificate?";

/** Requests that finished in the same way. */
interface Past {
  readonly method: string;
  readonly target: string;
  /** The status of the response, 0 or {@link DROPPED}. */
  readonly status: number;
  /** Did the server itself refuse it? */
  readonly refused: boolean;
  count: number;
}

/** What a server has seen: enough to tell somebody who waits in vain what came instead. */
export class TrafficReport {
  #past: Past[] = [];
  #forgotten = 0;
  #connected = 0;

  /** How often something has happened. */
  events = 0;
  /** Has a request come? */
  hasRequest = false;

  /** A client has connected. */
  connected(): void {
    this.#connected++;
    this.events++;
  }

  /** A request has come. */
  arrived(): void {
    this.hasRequest = true;
    this.events++;
  }

  /** Keeps the request line and status of an exchange, not the exchange with its body. */
  finished({ raw, status, body }: Exchange): void {
    this.#add(raw.method!, raw.url!, status, body.refusal !== undefined);
  }

  /** Keeps what came behind the last request on its connection. */
  dropped({ raw }: Exchange): void {
    this.#add(raw.method!, raw.url!, DROPPED, false);
  }

  /** The parser refused what came, before it was a request. */
  refused(status: number, packet: Buffer | undefined): void {
    if (packet?.[0] === 0x16 && packet[1] === 0x03) this.#add("", SPOKE_TLS, 0, true);
    else this.#add("", firstLineOf(packet), status, true);
  }

  /** A client of an HTTPS server got no further than its handshake. */
  handshakeFailed({ code, reason }: Error & { code?: string; reason?: string }): void {
    let what = `a TLS handshake that failed: ${reason ?? code}`;
    if (code === "ERR_SSL_HTTP_REQUEST") what = SPOKE_PLAIN_HTTP;
    else if (code === "ECONNRESET") what = BROKE_OFF;
    this.#add("", what, 0, true);
  }

  /** Forgets what has come so far. */
  clear(): void {
    this.#past = [];
    this.hasRequest = false;
    this.#forgotten = this.#connected = 0;
  }

  /**
   * Says what has come, oldest first, and what became of it, for an error that a person reads.
   *
   * @param called is it known that the client was called?
   */
  describe(connections: Iterable<Connection>, called: boolean): string {
    const lines = this.#past.map(describePast);
    let silent = 0;
    for (const { exchanges, quiet } of connections) {
      // A quiet one is kept alive, from a test before.
      if (exchanges.length === 0 && !quiet) silent++;
      lines.push(...exchanges.map(describePresent));
    }
    const more = this.#forgotten + Math.max(0, lines.length - LONGEST);
    if (lines.length > 0) {
      const earlier = more === 0 ? [] : [`and ${more} earlier`];
      return ["What came so far:", ...earlier, ...lines.slice(-LONGEST)].join("\n  ");
    }
    if (this.#connected === 0 && silent === 0)
      return `No client has connected. ${called ? "Did it use" : "Was it called, and with"} this URL?`;
    if (silent === 0) return "A client has connected, and disconnected without a request.";
    return `${silent === 1 ? "1 client is" : `${silent} clients are`} connected, but sent no complete head of a request.`;
  }

  #add(method: string, target: string, status: number, refused: boolean): void {
    const past = this.#past;
    for (let i = past.length - 1; i >= 0 && i >= past.length - SAME_WITHIN; i--) {
      const entry = past[i]!;
      if (entry.target !== target || entry.status !== status || entry.method !== method || entry.refused !== refused)
        continue;
      entry.count++;
      return;
    }
    past.push({ method, target, status, refused, count: 1 });
    if (past.length > REMEMBERED) this.#forgotten += past.shift()!.count;
  }
}

function describePast({ method, target, status, refused, count }: Past): string {
  const line = shortened(method === "" ? target : `${method} ${target}`);
  const times = count === 1 ? "" : ` (${count} times)`;
  if (refused) return `${line}${status === 0 ? "" : `: refused with ${codeToString(status)}`}${times}`;
  if (status === DROPPED)
    return `${line}: dropped, since the response before it was the last on its connection${times}`;
  return `${line}: ${status === 0 ? "the client disconnected before the response" : `answered with ${status}`}${times}`;
}

function describePresent(exchange: Exchange): string {
  const line = shortened(`${exchange.raw.method} ${exchange.raw.url}`);
  return `${line}: ${stateOf(exchange)}`;
}

function stateOf(exchange: Exchange): string {
  if (exchange.body.refusal !== undefined) return `refused with ${codeToString(exchange.body.refusal.status)}`;
  const missing = exchange.body.complete ? "" : `its body is incomplete, ${bodyProgress(exchange)}`;
  if (exchange.status !== 0) return `answered with ${exchange.status}, still being sent`;
  if (exchange.accepted)
    return missing === "" ? "accepted, not answered yet" : `accepted, not answered yet, ${missing}`;
  if (missing !== "" && !exchange.queued) return missing;
  if (exchange.queued) return missing === "" ? "not accepted yet" : `not accepted yet, ${missing}`;
  return "waits for the response to the request before it on its connection";
}

function bodyProgress(exchange: Exchange): string {
  const { length, announced } = exchange.body;
  return announced === -1 ? `${length} bytes so far, chunked` : `${length} of ${announced} bytes`;
}

/** What the parser met, in words. */
function firstLineOf(bytes: Buffer | undefined): string {
  if (bytes === undefined) return "a head that was not whole in time";
  const line = /^[^\r\n]*/.exec(bytes.toString("latin1", 0, LOOKED_AT))![0];
  if (line === "" || /[^\x20-\x7e]/.test(line)) return "bytes that are not HTTP";
  return line;
}
