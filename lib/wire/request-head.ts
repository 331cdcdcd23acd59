import type { IncomingMessage } from "node:http";
import { headerLimit, isSameName } from "../http/headers";
import { net } from "../node";

/** RFC 9112 3: the longest request line that is accepted, in bytes without its CRLF; Nim's limit. */
const REQUEST_LINE_LIMIT = 8192;
/** Node's own limit of a whole head, in bytes, where nobody raised it. */
const HEAD_LIMIT = 16_384;

/** What bounds the requests of a server, in bytes. */
export interface Limits {
  /** The request line, without its CRLF. */
  readonly requestLine: number;
  readonly body: number;
}

/** A raised limit of the whole head is one of the request line, too: it is what a long query needs. */
export function limitsOf(maxBody: number, maxHeaderSize: number): Limits {
  return { requestLine: maxHeaderSize > HEAD_LIMIT ? maxHeaderSize : REQUEST_LINE_LIMIT, body: maxBody };
}

/** What is decided by the head of a request. */
export interface Head {
  /** The status that refuses the request, or 0. */
  refusal: number;
  /** Bytes of the body that follows; -1: chunked, only the end tells. */
  length: number;
  /** RFC 9112 9.6: the client takes no response after the one to this request. */
  close: boolean;
}

/** A port that TCP has, in digits; RFC 3986 3.2.3 lets it be empty. */
const PORT = "(?::0*(?:[0-9]{0,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?";
/** RFC 9110 7.2 with RFC 3986 3.2.2: reg-name or IPv4address [ ":" port ]; empty where the target has no authority. */
const NAMED_HOST = new RegExp(`^(?:[0-9A-Za-z\\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*${PORT}$`);
/** The same: IP-literal [ ":" port ]; the group is an IPv6 address. */
const LITERAL_HOST = new RegExp(
  `^\\[(?:([0-9A-Fa-f:.]+)(?:%25[0-9A-Za-z\\-._~%]+)?|[Vv][0-9A-Fa-f]+\\.[0-9A-Za-z\\-._~!$&'()*+,;=:]+)\\]${PORT}$`,
);
/** RFC 9112 3.2.2: absolute-form, and its authority. */
const ABSOLUTE_FORM = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/;
/** RFC 9112 5: the start of a header field. */
const FIELD_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:/;

/**
 * Reads what the parser leaves to the server: version, target, Host, lengths, codings, `Connection: close`.
 *
 * One pass over the header lines; the length of a name decides whether it is looked at.
 */
export function readHead(raw: IncomingMessage, limits: Limits): Head {
  const head: Head = { refusal: 0, length: 0, close: false };
  const lines = raw.rawHeaders;
  const minor = raw.httpVersionMinor;
  let hosts = 0;
  let hostValid = true;
  let coding: string | undefined;
  let expectation: string | undefined;

  for (let i = 0; i < lines.length; i += 2) {
    const name = lines[i]!;
    switch (name.length) {
      case 4:
        if (isSameName(name, "host")) {
          hosts++;
          hostValid &&= isAuthority(lines[i + 1]!);
        }
        break;
      case 6:
        if (isSameName(name, "expect")) expectation = lines[i + 1];
        break;
      case 10:
        if (isSameName(name, "connection")) head.close ||= asksToClose(lines[i + 1]!);
        break;
      case 14:
        if (isSameName(name, "content-length")) head.length = Number(lines[i + 1]);
        break;
      case 17:
        if (isSameName(name, "transfer-encoding")) {
          coding = coding === undefined ? lines[i + 1]! : `${coding},${lines[i + 1]!}`;
        }
        break;
    }
  }

  // The parser says 0.9 where the request line has no version at all.
  if (raw.httpVersionMajor !== 1 || minor > 1) head.refusal = raw.httpVersionMajor === 0 ? 400 : 505;
  else if (raw.method!.length + raw.url!.length + " HTTP/1.1".length + 1 > limits.requestLine) head.refusal = 414;
  else if (lines.length > headerLimit * 2) head.refusal = 431;
  // RFC 9112 3.2: 400 to a 1.1 request without Host, and to any with more than one Host line or an invalid one.
  else if (hosts > 1 || !hostValid || (hosts === 0 && minor === 1)) head.refusal = 400;
  else if (!isTarget(raw.method!, raw.url!)) head.refusal = 400;
  else if (coding !== undefined) {
    head.refusal = refuseCoding(coding, minor);
    head.length = -1;
  } else if (head.length > limits.body) head.refusal = 413;
  // RFC 9110 9.3.6: CONNECT has no content; what comes behind it belongs to the tunnel.
  if (raw.method === "CONNECT" && head.length !== 0 && head.refusal === 0) head.refusal = 400;
  // RFC 9110 10.1.1: an expectation that cannot be met is refused, and in HTTP/1.0 there are none.
  if (head.refusal === 0 && expectation !== undefined && minor === 1 && !isContinue(expectation)) head.refusal = 417;
  return head;
}

const unlimited: Limits = { requestLine: Infinity, body: Infinity };

/** RFC 9112 6.3: does a body follow the head of this request? */
export function hasBody(raw: IncomingMessage): boolean {
  return readHead(raw, unlimited).length !== 0;
}

/** RFC 3986 3.2, without the user information that RFC 9110 4.2.4 forbids. */
function isAuthority(value: string): boolean {
  if (NAMED_HOST.test(value)) return true;
  const literal = LITERAL_HOST.exec(value);
  return literal !== null && (literal[1] === undefined || net.isIPv6(literal[1]));
}

/** RFC 9110 5.6.1: the elements of a list that has no quoted strings. */
export function elementsOf(list: string): string[] {
  return list.split(",").map((element) => element.trim());
}

/** RFC 9112 9.6: does a Connection header ask for the end of the connection? */
export function asksToClose(connection: string): boolean {
  // What nearly every client sends, and what nearly every other one does.
  if (connection === "keep-alive") return false;
  return connection === "close" || elementsOf(connection.toLowerCase()).includes("close");
}

function isContinue(expectation: string): boolean {
  return elementsOf(expectation.toLowerCase()).every((element) => element === "100-continue");
}

function refuseCoding(coding: string, minor: number): number {
  // RFC 9112 6.1: Transfer-Encoding in HTTP/1.0 is faulty framing.
  if (minor === 0) return 400;
  const codings = elementsOf(coding.toLowerCase());
  if (codings.length === 1 && codings[0] === "chunked") return 0;
  // RFC 9112 6.3: chunked must come last, once; 6.1: a coding that the server does not understand is 501.
  return codings.indexOf("chunked") === codings.length - 1 && !codings.includes("") ? 501 : 400;
}

function isTarget(method: string, target: string): boolean {
  // RFC 9112 3.2.3: authority-form, host and port.
  if (method === "CONNECT") return /[^:]:[0-9]+$/.test(target) && isAuthority(target);
  if (target.charCodeAt(0) === 0x2f || target === "*") return true;
  const authority = ABSOLUTE_FORM.exec(target)?.[1];
  // RFC 9110 4.2.1: an http or https URI with an empty host is invalid; other schemes have no rules of their own here.
  return authority !== undefined && authority !== "" && !authority.startsWith(":") && isAuthority(authority);
}

/** As much of Node's parse error as decides the response. */
export interface ParseError extends Error {
  code?: string;
  reason?: string;
  rawPacket?: Buffer;
  bytesParsed?: number;
}

/**
 * The status of the response to bytes that Node's parser could not read.
 *
 * @param isFirst whether nothing came on the connection before the packet with these bytes
 */
export function statusOfParseError(error: ParseError, limits: Limits, isFirst: boolean): number {
  switch (error.code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return 408;
    case "HPE_HEADER_OVERFLOW":
      // RFC 9112 3: a request line that is too long is 414, header lines are 431.
      return endsInRequestLine(error) || (refusedLine(error, isFirst) ?? "").length > limits.requestLine ? 414 : 431;
    case "HPE_INVALID_METHOD":
      // RFC 9110 9.1: 501 for a method that is not known, 400 for what is no request line.
      return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ \S+ HTTP\/1\.[01]\r/.test(brokenLine(error)) ? 501 : 400;
    case "HPE_INVALID_VERSION":
      return / HTTP\/[0-9]\.[0-9]\r?$/.test(brokenLine(error)) ? 505 : 400;
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return 413;
    case "HPE_INVALID_CONTENT_LENGTH":
      return error.reason === "Content-Length overflow" ? 413 : 400;
    default:
      return 400;
  }
}

/**
 * The method of the request whose head the parser could not read, where the packet shows it beyond doubt.
 *
 * A packet that may begin within a head shows nothing: what looks like a request line may be the end of one.
 *
 * @param isFirst whether nothing came on the connection before this packet
 * @returns the method, or `undefined` where it may be HEAD for all that is known
 */
export function methodOfRefused(error: ParseError, isFirst: boolean): string | undefined {
  const line = refusedLine(error, isFirst) ?? "";
  const method = /^\S*/.exec(line)![0];
  const upper = method.toUpperCase();
  // Where a body ends without a line end, its last bytes stand in front of the method. A packet may end within a method.
  return upper.endsWith("HEAD") || (method === line && "HEAD".startsWith(upper)) ? undefined : method;
}

/** Do these bytes, the latest of a head, end within its request line? Of what came in earlier packets nothing is known. */
function endsInRequestLine(error: ParseError): boolean {
  const bytes = error.rawPacket?.toString("latin1", 0, error.bytesParsed) ?? "";
  const lineStart = bytes.lastIndexOf("\n") + 1;
  return /^[A-Z-]+ /.test(bytes.slice(lineStart)) && /^\s*$|\r\n\r\n$/.test(bytes.slice(0, lineStart));
}

/**
 * The request line of the head that the parser could not read, if the packet has all that came of this head.
 *
 * @param isFirst whether nothing came on the connection before this packet
 */
function refusedLine(error: ParseError, isFirst: boolean): string | undefined {
  const packet = error.rawPacket?.toString("latin1") ?? "";
  const at = Math.min(error.bytesParsed ?? 0, packet.length);
  // The end of the head before this one, or something in a body that looks the same.
  const before = packet.lastIndexOf("\r\n\r\n", at - "\r\n\r\n".length - 1);
  if (before === -1 && !isFirst) return undefined;
  // RFC 9112 2.2: empty lines before a request line are skipped.
  const start = before === -1 ? packet.search(/[^\r\n]|$/) : before + "\r\n\r\n".length;
  const lineEnd = packet.indexOf("\r\n", start);
  const line = packet.slice(start, lineEnd === -1 ? undefined : lineEnd);
  const fields =
    lineEnd === -1
      ? []
      : packet
          .slice(lineEnd + 2, at)
          .replace(/\r\n\r\n$/, "\r\n")
          .split("\r\n")
          .slice(0, -1);
  return fields.every((field) => FIELD_LINE.test(field)) ? line : undefined;
}

/** The line in which the parser stopped, as far as it arrived in the same packet. */
function brokenLine(error: ParseError): string {
  const packet = error.rawPacket?.toString("latin1") ?? "";
  const at = Math.min(error.bytesParsed ?? 0, packet.length);
  const start = packet.lastIndexOf("\n", Math.max(at - 1, 0)) + 1;
  const end = packet.indexOf("\n", at);
  return packet.slice(start, end === -1 ? undefined : end);
}
