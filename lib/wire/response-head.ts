import { codeToString, reasonPhrase } from "../http/status";
import { flattenHeaders, type HeadersInit } from "../http/headers";
import { http } from "../node";
import { invalidHeader, shown, withCode, withoutFrames } from "../errors";
import { asksToClose, elementsOf } from "./request-head";

/** Taken when the module loads: a test may replace the global one. */
const Clock = Date;

/** What has to be known of a request to frame the response to it. */
export interface Asked {
  readonly method: string;
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  readonly minor: number;
  /** Will the connection end with this response, whatever it says? */
  readonly last: boolean;
}

/** Everything about a response that is decided before a byte of it is written. */
export interface ResponseHead {
  readonly code: number;
  readonly reason: string;
  /** Flat: name, value, name, value, … */
  readonly fields: string[];
  /** Does the content go on the wire? */
  readonly hasContent: boolean;
  /** The Content-Length that is sent, or -1: chunked, or until the connection closes. */
  readonly length: number;
  /** Does the handler end the connection with this response? */
  readonly close: boolean;
}

/** An error response of the library's own, which ends the connection. */
export interface Refusal {
  readonly status: number;
  /** The content, ASCII; by default status code and phrase. */
  readonly text?: string;
  /** May it be a HEAD whose head the parser could not read? */
  readonly mayBeHead?: boolean;
}

/**
 * Decides status line, header fields and framing of a final response.
 *
 * @param length bytes of the content, or -1 where only its end tells
 * @param reason the reason phrase; by default that of the status
 * @throws RangeError `ERR_INVALID_STATUS`, TypeError `ERR_INVALID_HEADER`; nothing is written then
 */
export function decideHead(
  code: number,
  init: HeadersInit | undefined,
  length: number,
  asked: Asked,
  reason?: string,
): ResponseHead {
  checkStatus(code);
  const headers = init === undefined ? [] : flattenHeaders(init);
  const framing = headers.length === 0 ? unframed : takeFraming(headers);
  // RFC 9110 9.3.2, 15.3.5, 15.3.6, 15.4.5, 15.2; 9.3.6: a 2xx to CONNECT starts a tunnel.
  const tunnel = asked.method === "CONNECT" && code >= 200 && code < 300;
  const bare = code === 204 || code === 304 || code < 200 || tunnel;
  const hasContent = !bare && code !== 205 && asked.method !== "HEAD";

  let sent = -1;
  if (code === 205) sent = 0;
  // RFC 9110 8.6: no Content-Length in 1xx, 204 and a 2xx to CONNECT; in 304 only the one that a 200 would have had.
  else if (bare) sent = code === 304 ? framing.length : -1;
  // RFC 9112 6.2: no Content-Length beside Transfer-Encoding; 6.1: no Transfer-Encoding to a 1.0 client.
  else if (framing.chunked && asked.minor === 1) {
    if (hasContent) headers.push("transfer-encoding", "chunked");
  } else sent = framing.length >= 0 ? framing.length : length;

  if (sent >= 0) headers.push("Content-Length", String(sent));
  const { connection } = framing;
  if (connection !== undefined) headers.push("connection", asked.last ? closing(connection) : connection);
  const close = connection !== undefined && asksToClose(connection);
  // Node checks them as well, but of some it has remembered something by then, which another response would inherit;
  // and the head of a source goes to Node only when its first chunk is there.
  const early = bare || connection !== undefined || length === -1;
  if (early) for (let i = 0; i < headers.length; i += 2) checkField(headers[i]!, headers[i + 1]!);
  if (reason !== undefined) checkField("reason-phrase", reason);
  return { code, reason: reason ?? reasonPhrase(code), fields: headers, hasContent, length: sent, close };
}

/** Is this status an interim one, after which the request still waits for its response? 101 is final. */
export function isInterim(code: number): boolean {
  return code >= 100 && code < 200 && code !== 101;
}

/** The bytes of a response that is only a head, such as an interim one (RFC 9110 15.2): without any framing. */
export function bareHead(code: number, init: HeadersInit | undefined): string {
  checkStatus(code);
  const headers = init === undefined ? [] : flattenHeaders(init);
  let head = `HTTP/1.1 ${code} ${reasonPhrase(code)}\r\n`;
  for (let i = 0; i < headers.length; i += 2) {
    checkField(headers[i]!, headers[i + 1]!);
    // RFC 9110 8.6, RFC 9112 6.1: neither of them where there can be no content.
    if (/^(?:content-length|transfer-encoding)$/i.test(headers[i]!)) continue;
    head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  }
  return `${head}\r\n`;
}

/**
 * The bytes of a refusal.
 *
 * Where the method is not known, nothing is said of a length: that suits HEAD, and to any other method the end of the
 * connection then is the end of empty content (RFC 9112 6.3).
 */
export function refusalResponse({ status, text = codeToString(status), mayBeHead }: Refusal): string {
  const framing = mayBeHead === true ? "" : `Content-Type: text/plain\r\nContent-Length: ${text.length}\r\n`;
  return (
    `HTTP/1.1 ${codeToString(status)}\r\n${framing}Date: ${new Clock().toUTCString()}\r\nConnection: close\r\n\r\n` +
    (mayBeHead === true ? "" : text)
  );
}

/** The error for what Node refuses of the headers. */
export function cannotBeSent(error: unknown, fields: readonly string[]): TypeError {
  const cause = withoutFrames(error);
  for (let i = 0; i < fields.length; i += 2) {
    const [name, value] = [fields[i]!, fields[i + 1]!];
    if ((cause as NodeJS.ErrnoException).code === "ERR_HTTP_TRAILER_INVALID" && /^trailer$/i.test(name)) {
      return invalidHeader(
        `the header ${shown(name)} cannot be sent: trailers follow chunked content, which this response does not have`,
        cause,
      );
    }
    if (NO_TOKEN.test(name)) {
      return invalidHeader(
        `the header ${shown(name)} cannot be sent: a name is made of letters, digits and hyphens`,
        cause,
      );
    }
    const character = NO_VALUE.exec(value)?.[0];
    if (character === undefined) continue;
    const number = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
    const problem = `its value ${shown(value)} has the character U+${number}: encode it, as with encodeURIComponent`;
    return invalidHeader(`the header ${shown(name)} cannot be sent: ${problem}`, cause);
  }
  return invalidHeader(`the headers cannot be sent: ${(cause as Error).message}`, cause);
}

/** RFC 9110 5.6.2, 5.5; the RFC has more characters in a name than people use. */
const NO_TOKEN = /^$|[^\w!#$%&'*+.^`|~-]/;
const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/u;

function checkField(name: string, value: string): void {
  try {
    http.validateHeaderName(name);
    http.validateHeaderValue(name, value);
  } catch (error) {
    throw cannotBeSent(error, [name, value]);
  }
}

function checkStatus(code: number): void {
  if (Number.isInteger(code) && code >= 100 && code <= 599) return;
  throw withCode(
    "ERR_INVALID_STATUS",
    new RangeError(`the status must be a whole number from 100 to 599, got ${shown(code)}${remedyFor(code)}`),
  );
}

function remedyFor(code: unknown): string {
  return typeof (code as { then?: unknown } | null | undefined)?.then === "function" ? ": await it first" : "";
}

/** What a handler says of the framing of its response. */
interface Framing {
  /** Content-Length, or -1. */
  readonly length: number;
  readonly chunked: boolean;
  readonly connection: string | undefined;
}

const unframed: Framing = { length: -1, chunked: false, connection: undefined };

/** Takes what frames the response out of the handler's list: it is checked, and written again where it fits. */
function takeFraming(headers: string[]): Framing {
  let length = -1;
  let chunked = false;
  let connection: string | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    if (name.length === 10 && name.toLowerCase() === "connection") {
      connection = connection === undefined ? headers[i + 1]! : `${connection}, ${headers[i + 1]!}`;
    } else if (name.length === 14 && name.toLowerCase() === "content-length") {
      length = contentLength(headers[i + 1]!, length);
    } else if (name.length === 17 && name.toLowerCase() === "transfer-encoding") {
      if (!/^[ \t]*chunked[ \t]*$/i.test(headers[i + 1]!)) {
        throw wrong(`"${headers[i + 1]!}" as Transfer-Encoding: only "chunked" can be sent`);
      }
      chunked = true;
    } else continue;
    headers.splice(i, 2);
    i -= 2;
  }
  return { length, chunked, connection };
}

/** RFC 9112 9.6: the last response on a connection says so. */
function closing(connection: string): string {
  const others = elementsOf(connection).filter((option) => !/^(?:keep-alive|close|)$/i.test(option));
  return [...others, "close"].join(", ");
}

function contentLength(value: string, before: number): number {
  if (!/^[0-9]{1,15}$/.test(value)) throw wrong(`"${value}" as Content-Length: it must be a number of bytes`);
  const length = Number(value);
  if (before !== -1 && before !== length) throw wrong(`two Content-Lengths, ${before} and ${length}`);
  return length;
}

function wrong(problem: string): TypeError {
  return invalidHeader(`the response was given ${problem}`);
}
