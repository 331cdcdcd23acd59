import type { IncomingMessage } from "node:http";
import { headerLimit } from "../http/headers";

/** RFC 9112 3: the longest request line that is taken, in bytes without its CRLF; Nim's limit. */
export const REQUEST_LINE_LIMIT = 8192;

/** What the head of a request says about its frame. */
export interface Head {
  /** The status that refuses the request, or 0. */
  refusal: number;
  /** Bytes of the body that follows; -1: chunked, only the end tells. */
  length: number;
  /** RFC 9112 9.6: the client will take no answer after the one to this request. */
  close: boolean;
}

/** RFC 9110 7.2 with RFC 3986 3.2.2: uri-host [ ":" port ]; empty where the target has no authority. */
const HOST =
  /^(?:\[(?:[0-9A-Fa-f:.]+(?:%25[0-9A-Za-z\-._~%]+)?|[Vv][0-9A-Fa-f]+\.[0-9A-Za-z\-._~!$&'()*+,;=:]+)\]|(?:[0-9A-Za-z\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?$/;
/** RFC 9112 3.2.2: absolute-form, as far as it takes to tell it from what is no target at all. */
const ABSOLUTE_FORM = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//;
/** RFC 9112 3.2.3: authority-form, host and port. */
const AUTHORITY_FORM = /^(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#@:[\]]+):[0-9]+$/;

/**
 * Reads what the parser leaves to the server: version, target, Host, lengths, codings, `Connection: close`.
 *
 * One pass over the header lines; the length of a name decides whether it is looked at.
 */
export function readHead(raw: IncomingMessage, maxBody: number): Head {
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
        if (isField(name, "host")) {
          hosts++;
          hostValid &&= isHost(lines[i + 1]!);
        }
        break;
      case 6:
        if (isField(name, "expect")) expectation = lines[i + 1];
        break;
      case 10:
        if (isField(name, "connection")) head.close ||= asksToClose(lines[i + 1]!);
        break;
      case 14:
        if (isField(name, "content-length")) head.length = Number(lines[i + 1]);
        break;
      case 17:
        if (isField(name, "transfer-encoding")) {
          coding = coding === undefined ? lines[i + 1]! : `${coding},${lines[i + 1]!}`;
        }
        break;
    }
  }

  // The parser says 0.9 where the request line has no version at all.
  if (raw.httpVersionMajor !== 1 || minor > 1) head.refusal = raw.httpVersionMajor === 0 ? 400 : 505;
  else if (raw.method!.length + raw.url!.length + " HTTP/1.1".length + 1 > REQUEST_LINE_LIMIT) head.refusal = 414;
  else if (lines.length > headerLimit * 2) head.refusal = 431;
  // RFC 9112 3.2: 400 to a 1.1 request without Host, and to any with more than one Host line or an invalid one.
  else if (hosts > 1 || !hostValid || (hosts === 0 && minor === 1)) head.refusal = 400;
  else if (!isTarget(raw.method!, raw.url!)) head.refusal = 400;
  else if (coding !== undefined) {
    head.refusal = refuseCoding(coding, minor);
    head.length = -1;
  } else if (head.length > maxBody) head.refusal = 413;
  // RFC 9110 9.3.6: CONNECT has no content; what comes behind it belongs to the tunnel.
  if (raw.method === "CONNECT" && head.length !== 0 && head.refusal === 0) head.refusal = 400;
  // RFC 9110 10.1.1: an expectation that cannot be met is refused, and in HTTP/1.0 there are none.
  if (head.refusal === 0 && expectation !== undefined && minor === 1 && !isContinue(expectation)) head.refusal = 417;
  return head;
}

/** RFC 9112 6.3: does a body follow the head of this request? */
export function hasBody(raw: IncomingMessage): boolean {
  return readHead(raw, Infinity).length !== 0;
}

/** The latest that was valid: clients ask for the same one again and again. */
let knownHost = "";

function isHost(value: string): boolean {
  if (value === knownHost) return true;
  const valid = HOST.test(value);
  if (valid) knownHost = value;
  return valid;
}

/** RFC 9110 5.1: field names are case-insensitive; the two usual spellings need no folding. */
function isField(name: string, lower: string): boolean {
  return name === lower || name.toLowerCase() === lower;
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
  if (method === "CONNECT") return AUTHORITY_FORM.test(target);
  return target.charCodeAt(0) === 0x2f || target === "*" || ABSOLUTE_FORM.test(target);
}

/** As much of Node's parse error as decides the answer. */
interface ParseError extends Error {
  code?: string;
  reason?: string;
  rawPacket?: Buffer;
  bytesParsed?: number;
}

/** The status that answers bytes which Node's parser could not read. */
export function statusOfParseError(error: ParseError): number {
  switch (error.code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return 408;
    case "HPE_HEADER_OVERFLOW":
      // RFC 9112 3: a request line that is too long is 414, header lines are 431.
      return endsInRequestLine(parsedPart(error)) ? 414 : 431;
    case "HPE_INVALID_METHOD":
      // RFC 9110 9.1: 501 for a method that is not known, 400 for what is no request line.
      return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ \S+ HTTP\/1\.[01]\r/.test(brokenLine(error)) ? 501 : 400;
    case "HPE_INVALID_VERSION":
      return / HTTP\/[0-9]\.[0-9]\r?$/.test(brokenLine(error)) ? 505 : 400;
    case "HPE_INVALID_CONTENT_LENGTH":
      return error.reason === "Content-Length overflow" ? 413 : 400;
    default:
      return 400;
  }
}

/** Do these bytes, the latest of a head, end within its request line? Of what came in earlier packets nothing is known. */
function endsInRequestLine(bytes: string): boolean {
  const lineStart = bytes.lastIndexOf("\n") + 1;
  return /^[A-Z-]+ /.test(bytes.slice(lineStart)) && /^\s*$|\r\n\r\n$/.test(bytes.slice(0, lineStart));
}

function parsedPart(error: ParseError): string {
  return error.rawPacket?.toString("latin1", 0, error.bytesParsed) ?? "";
}

/** The line in which the parser stopped, as far as it arrived in the same packet. */
function brokenLine(error: ParseError): string {
  const packet = error.rawPacket?.toString("latin1") ?? "";
  const at = Math.min(error.bytesParsed ?? 0, packet.length);
  const start = packet.lastIndexOf("\n", Math.max(at - 1, 0)) + 1;
  const end = packet.indexOf("\n", at);
  return packet.slice(start, end === -1 ? undefined : end);
}
