import { http } from "../node";

/**
 * A status code: a plain number, 100 to 599, so that `expect(response.status).toBe(Http404)` holds.
 *
 * Any number in that range may be sent, whether it has a constant here or not.
 *
 * Differs from Nim: there it is a distinct type, to be made with `HttpCode(299)`.
 *
 * @example
 * import { Http404, type HttpCode } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const code: HttpCode = Http404;
 * assert.equal(code, 404);
 *
 * @see Nim's `httpcore.HttpCode`, RFC 9110 15
 */
export type HttpCode = number;

/** Where Nim's phrase is not Node's. The phrase is for people; clients go by the number (RFC 9112 4). */
const nimPhrases: { readonly [code: HttpCode]: string | undefined } = {
  413: "Request Entity Too Large",
  414: "Request-URI Too Long",
  416: "Requested Range Not Satisfiable",
  418: "I'm a teapot",
  509: "",
};

const phrases: ReadonlyMap<HttpCode, string> = new Map(
  Object.entries({ ...http.STATUS_CODES, ...nimPhrases }).map(([code, phrase]) => [Number(code), phrase ?? ""]),
);

/** 100 Continue: the client may send the body. RFC 9110 15.2.1. */
export const Http100 = 100;
/** 101 Switching Protocols: the connection goes over to the protocol in `Upgrade`. RFC 9110 15.2.2. */
export const Http101 = 101;
/** 102 Processing: interim: the request is being worked on. RFC 2518 10.1 (WebDAV). */
export const Http102 = 102;
/** 103 Early Hints: interim: header fields that the final response will probably have. RFC 8297. */
export const Http103 = 103;
/** 200 OK: the request succeeded. RFC 9110 15.3.1. */
export const Http200 = 200;
/** 201 Created: a resource was made; `Location` says where. RFC 9110 15.3.2. */
export const Http201 = 201;
/** 202 Accepted: taken, but not yet worked on. RFC 9110 15.3.3. */
export const Http202 = 202;
/** 203 Non-Authoritative Information: a proxy changed the content. RFC 9110 15.3.4. */
export const Http203 = 203;
/** 204 No Content: succeeded, and there is no content to send. RFC 9110 15.3.5. */
export const Http204 = 204;
/** 205 Reset Content: succeeded; the client should reset its form. RFC 9110 15.3.6. */
export const Http205 = 205;
/** 206 Partial Content: the requested ranges. RFC 9110 15.3.7. */
export const Http206 = 206;
/** 207 Multi-Status: one status for each of several resources. RFC 4918 11.1 (WebDAV). */
export const Http207 = 207;
/** 208 Already Reported: the members of this collection were listed before. RFC 5842 7.1 (WebDAV). */
export const Http208 = 208;
/** 226 IM Used: the content is a delta or another instance manipulation. RFC 3229 10.4.1. */
export const Http226 = 226;
/** 300 Multiple Choices: several representations to choose from. RFC 9110 15.4.1. */
export const Http300 = 300;
/** 301 Moved Permanently: use the URI in `Location` from now on. RFC 9110 15.4.2. */
export const Http301 = 301;
/** 302 Found: use the URI in `Location` this time. RFC 9110 15.4.3. */
export const Http302 = 302;
/** 303 See Other: GET the URI in `Location` for the result. RFC 9110 15.4.4. */
export const Http303 = 303;
/** 304 Not Modified: the client's stored response is still good. RFC 9110 15.4.5. */
export const Http304 = 304;
/** 305 Use Proxy: deprecated. RFC 9110 15.4.6. */
export const Http305 = 305;
/** 307 Temporary Redirect: as 302, but the method stays. RFC 9110 15.4.8. */
export const Http307 = 307;
/** 308 Permanent Redirect: as 301, but the method stays. RFC 9110 15.4.9. */
export const Http308 = 308;
/** 400 Bad Request: the request is malformed. RFC 9110 15.5.1. */
export const Http400 = 400;
/** 401 Unauthorized: credentials are missing or wrong. RFC 9110 15.5.2. */
export const Http401 = 401;
/** 402 Payment Required: reserved. RFC 9110 15.5.3. */
export const Http402 = 402;
/** 403 Forbidden: understood and refused. RFC 9110 15.5.4. */
export const Http403 = 403;
/** 404 Not Found: nothing has this URI. RFC 9110 15.5.5. */
export const Http404 = 404;
/** 405 Method Not Allowed: `Allow` lists the methods that are. RFC 9110 15.5.6. */
export const Http405 = 405;
/** 406 Not Acceptable: no representation fits the client's `Accept` fields. RFC 9110 15.5.7. */
export const Http406 = 406;
/** 407 Proxy Authentication Required: as 401, for the proxy. RFC 9110 15.5.8. */
export const Http407 = 407;
/** 408 Request Timeout: the request did not arrive in time. RFC 9110 15.5.9. */
export const Http408 = 408;
/** 409 Conflict: the resource's state is in the way. RFC 9110 15.5.10. */
export const Http409 = 409;
/** 410 Gone: was here, and will not come back. RFC 9110 15.5.11. */
export const Http410 = 410;
/** 411 Length Required: a `Content-Length` is needed. RFC 9110 15.5.12. */
export const Http411 = 411;
/** 412 Precondition Failed: a condition in the header fields is false. RFC 9110 15.5.13. */
export const Http412 = 412;
/** 413 Request Entity Too Large: the body is over the limit. RFC 9110 15.5.14 ("Content Too Large"). */
export const Http413 = 413;
/** 414 Request-URI Too Long: the request target is over the limit. RFC 9110 15.5.15 ("URI Too Long"). */
export const Http414 = 414;
/** 415 Unsupported Media Type: the body's format is not taken here. RFC 9110 15.5.16. */
export const Http415 = 415;
/** 416 Requested Range Not Satisfiable: no such range. RFC 9110 15.5.17 ("Range Not Satisfiable"). */
export const Http416 = 416;
/** 417 Expectation Failed: the `Expect` field cannot be met. RFC 9110 15.5.18. */
export const Http417 = 417;
/** 418 I'm a teapot: no coffee here. RFC 2324 2.3.2. */
export const Http418 = 418;
/** 421 Misdirected Request: this server is not responsible for that URI. RFC 9110 15.5.20. */
export const Http421 = 421;
/** 422 Unprocessable Entity: well formed, but makes no sense. RFC 9110 15.5.21 ("Unprocessable Content"). */
export const Http422 = 422;
/** 423 Locked: the resource is locked. RFC 4918 11.3 (WebDAV). */
export const Http423 = 423;
/** 424 Failed Dependency: an action it depended on failed. RFC 4918 11.4 (WebDAV). */
export const Http424 = 424;
/** 425 Too Early: might be a replay of early data. RFC 8470 5.2. */
export const Http425 = 425;
/** 426 Upgrade Required: another protocol is needed; `Upgrade` names it. RFC 9110 15.5.22. */
export const Http426 = 426;
/** 428 Precondition Required: the request must be conditional. RFC 6585 3. */
export const Http428 = 428;
/** 429 Too Many Requests: the client is over its rate. RFC 6585 4. */
export const Http429 = 429;
/** 431 Request Header Fields Too Large: the header fields are above the limit. RFC 6585 5. */
export const Http431 = 431;
/** 451 Unavailable For Legal Reasons: withheld because of a legal demand. RFC 7725 3. */
export const Http451 = 451;
/** 500 Internal Server Error: the server failed. RFC 9110 15.6.1. */
export const Http500 = 500;
/** 501 Not Implemented: the server does not know the method. RFC 9110 15.6.2. */
export const Http501 = 501;
/** 502 Bad Gateway: the server behind this one sent no valid response. RFC 9110 15.6.3. */
export const Http502 = 502;
/** 503 Service Unavailable: overloaded or down for a while. RFC 9110 15.6.4. */
export const Http503 = 503;
/** 504 Gateway Timeout: the server behind this one did not respond in time. RFC 9110 15.6.5. */
export const Http504 = 504;
/** 505 HTTP Version Not Supported: not this major version of HTTP. RFC 9110 15.6.6. */
export const Http505 = 505;
/** 506 Variant Also Negotiates: content negotiation went in a circle. RFC 2295 8.1. */
export const Http506 = 506;
/** 507 Insufficient Storage: no room to store the result. RFC 4918 11.5 (WebDAV). */
export const Http507 = 507;
/** 508 Loop Detected: an endless loop was found on the way. RFC 5842 7.2 (WebDAV). */
export const Http508 = 508;
/** 510 Not Extended: the request lacks an extension. RFC 2774 7. */
export const Http510 = 510;
/** 511 Network Authentication Required: log in to the network first. RFC 6585 6. */
export const Http511 = 511;

/**
 * Gives the reason phrase of a status code, as it stands in the status line.
 *
 * @param code the status code
 * @returns Nim's phrase, or `""` for a code that has none
 *
 * @example
 * import { reasonPhrase } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * assert.equal(reasonPhrase(404), "Not Found");
 * assert.equal(reasonPhrase(299), "");
 *
 * @see RFC 9112 4
 */
export function reasonPhrase(code: HttpCode): string {
  return phrases.get(code) ?? "";
}

/**
 * Gives a status code as text, number and phrase: Nim's `$code`.
 *
 * @param code the status code
 * @returns such as `"404 Not Found"`; the number alone for a code without a phrase
 *
 * @example
 * import { codeToString, Http404 } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * assert.equal(codeToString(Http404), "404 Not Found");
 * assert.equal(codeToString(299), "299");
 *
 * @see Nim's `httpcore.$`
 */
export function codeToString(code: HttpCode): string {
  const phrase = reasonPhrase(code);
  return phrase === "" ? String(code) : `${code} ${phrase}`;
}

/**
 * Says whether a status code is 1xx: an interim response, with the final one still to come.
 *
 * @param code the status code
 * @returns true from 100 to 199
 *
 * @example
 * import { is1xx } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * assert.equal(is1xx(103), true);
 * assert.equal(is1xx(200), false);
 *
 * @see Nim's `httpcore.is1xx`, RFC 9110 15.2
 */
export function is1xx(code: HttpCode): boolean {
  return code >= 100 && code <= 199;
}

/**
 * Says whether a status code is 2xx: a success.
 *
 * @param code the status code
 * @returns true from 200 to 299
 *
 * @example
 * import { is2xx } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * assert.equal(is2xx(204), true);
 * assert.equal(is2xx(300), false);
 *
 * @see Nim's `httpcore.is2xx`, RFC 9110 15.3
 */
export function is2xx(code: HttpCode): boolean {
  return code >= 200 && code <= 299;
}

/**
 * Says whether a status code is 3xx: a redirection, or 304.
 *
 * @param code the status code
 * @returns true from 300 to 399
 *
 * @example
 * import { is3xx } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * assert.equal(is3xx(304), true);
 * assert.equal(is3xx(400), false);
 *
 * @see Nim's `httpcore.is3xx`, RFC 9110 15.4
 */
export function is3xx(code: HttpCode): boolean {
  return code >= 300 && code <= 399;
}

/**
 * Says whether a status code is 4xx: the client's mistake.
 *
 * @param code the status code
 * @returns true from 400 to 499
 *
 * @example
 * import { is4xx } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * assert.equal(is4xx(404), true);
 * assert.equal(is4xx(500), false);
 *
 * @see Nim's `httpcore.is4xx`, RFC 9110 15.5
 */
export function is4xx(code: HttpCode): boolean {
  return code >= 400 && code <= 499;
}

/**
 * Says whether a status code is 5xx: the server's failure.
 *
 * @param code the status code
 * @returns true from 500 to 599
 *
 * @example
 * import { is5xx } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * assert.equal(is5xx(503), true);
 * assert.equal(is5xx(404), false);
 *
 * @see Nim's `httpcore.is5xx`, RFC 9110 15.6
 */
export function is5xx(code: HttpCode): boolean {
  return code >= 500 && code <= 599;
}
