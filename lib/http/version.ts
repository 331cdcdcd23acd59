/** The line break of HTTP/1.1: CR LF. RFC 9112 2.1. */
export const httpNewLine = "\r\n";

/**
 * The protocol of a request as its request line gave it.
 *
 * @example
 * import type { Protocol } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const protocol: Protocol = { orig: "HTTP/1.1", major: 1, minor: 1 };
 * assert.equal(protocol.orig, `HTTP/${protocol.major}.${protocol.minor}`);
 *
 * @see Nim's `asynchttpserver.Request.protocol`, RFC 9112 2.3
 */
export interface Protocol {
  /** The text of the request line, such as `"HTTP/1.1"`. */
  readonly orig: string;
  /** The digit before the dot. */
  readonly major: number;
  /** The digit behind it. */
  readonly minor: number;
}

/** HTTP/1.1, to compare with. RFC 9112. */
export const HttpVer11 = "HTTP/1.1";
/** HTTP/1.0, to compare with. RFC 1945. */
export const HttpVer10 = "HTTP/1.0";

/**
 * A version of HTTP to compare a request's protocol with.
 *
 * @example
 * import { HttpVer10, type HttpVersion } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const oldest: HttpVersion = HttpVer10;
 * assert.equal(oldest, "HTTP/1.0");
 *
 * @see Nim's `httpcore.HttpVersion`
 */
export type HttpVersion = typeof HttpVer11 | typeof HttpVer10;

/**
 * Says whether a protocol is of the given version: Nim's `protocol == HttpVer11`.
 *
 * Goes by `major` and `minor`, not by `orig`.
 *
 * @param protocol a request's `protocol`
 * @param version `HttpVer11` or `HttpVer10`
 * @returns true if both numbers are those of the version
 *
 * @example
 * import { HttpVer10, HttpVer11, isHttpVersion } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const protocol = { orig: "HTTP/1.1", major: 1, minor: 1 };
 * assert.equal(isHttpVersion(protocol, HttpVer11), true);
 * assert.equal(isHttpVersion(protocol, HttpVer10), false);
 *
 * @see Nim's `httpcore.==`, RFC 9112 2.3
 */
export function isHttpVersion(protocol: Protocol, version: HttpVersion): boolean {
  return `HTTP/${protocol.major}.${protocol.minor}` === version;
}
