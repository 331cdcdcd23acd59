import type { URLSearchParams } from "node:url";
import { url as nodeUrl } from "../node";

/** What an authority such as `user:password@host:80` is made of. */
interface Authority {
  readonly username: string;
  readonly password: string;
  readonly hostname: string;
  readonly port: string;
  readonly isIpv6: boolean;
}

const noAuthority: Authority = { username: "", password: "", hostname: "", port: "", isIpv6: false };

/**
 * A URI in its parts, each exactly as it was written: nothing is decoded, normalised or checked.
 *
 * A part that is missing is `""`. Made by `parseUri`, and found as `request.url`.
 *
 * Differs from Nim: the fields are read only, and `toString` gives the very text that was parsed, where
 * Nim's `$` drops an empty query and the `//` of a URI without scheme.
 *
 * @example
 * import { parseUri } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const url = parseUri("/search?q=a%20b#top");
 * assert.equal(url.path, "/search");
 * assert.equal(url.searchParams.get("q"), "a b");
 * assert.equal(`${url}`, "/search?q=a%20b#top");
 *
 * @see Nim's `uri.Uri`, RFC 3986 3
 */
export class Uri {
  /** What stands before the `:`, such as `"http"`; in a request only with a target in absolute form. */
  readonly scheme: string;
  /** What stands before the first `:` of the user information. */
  readonly username: string;
  /** What stands behind it. */
  readonly password: string;
  /** The host of the URI, an IPv6 address without its brackets. */
  readonly hostname: string;
  /** The digits behind the host, as text. */
  readonly port: string;
  /** With its leading `/`, if it has one. */
  readonly path: string;
  /** What stands between `?` and `#`, without them. */
  readonly query: string;
  /** What stands behind `#`. */
  readonly anchor: string;
  /** Whether a scheme is there without `//` behind it, as in `mailto:user@host`. */
  readonly opaque: boolean;
  /** Whether the authority has a `[`, as in `[::1]:80`. */
  readonly isIpv6: boolean;
  readonly #text: string;
  #searchParams: URLSearchParams | undefined = undefined;

  /**
   * Splits `rest`, which is what stands behind scheme and authority, and keeps `text` for `toString`.
   *
   * @internal
   */
  constructor(text: string, scheme: string, authority: Authority, rest: string, opaque: boolean) {
    const hash = rest.indexOf("#");
    const end = hash === -1 ? rest.length : hash;
    const mark = rest.indexOf("?");
    const pathEnd = mark === -1 || mark > end ? end : mark;
    const path = rest.slice(0, pathEnd);
    // The path of a `mailto` URI is its user and host, and adds to what is there.
    const isMail = scheme.toLowerCase() === "mailto";
    const owner = isMail ? splitAuthority(path, authority) : authority;
    this.scheme = scheme;
    this.username = owner.username;
    this.password = owner.password;
    this.hostname = owner.hostname;
    this.port = owner.port;
    this.path = isMail ? "" : path;
    this.query = rest.slice(pathEnd + 1, end);
    this.anchor = rest.slice(end + 1);
    this.opaque = opaque;
    this.isIpv6 = owner.isIpv6;
    this.#text = text;
  }

  /**
   * The parameters of the query, decoded.
   *
   * Differs from Nim: there it is `decodeQuery(uri.query)`.
   *
   * @example
   * import { parseUri } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * assert.deepEqual(parseUri("/?tag=a&tag=b%20c&x=1+2").searchParams.getAll("tag"), ["a", "b c"]);
   */
  get searchParams(): URLSearchParams {
    return (this.#searchParams ??= new nodeUrl.URLSearchParams(this.query));
  }

  /**
   * Gives the text back from which this was parsed: Nim's `$`.
   *
   * @returns the text, every character of it
   *
   * @example
   * import { parseUri } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * assert.equal(parseUri("//host/a/../b?").toString(), "//host/a/../b?");
   *
   * @see Nim's `uri.$`
   */
  toString(): string {
    return this.#text;
  }
}

/**
 * Splits a URI or a relative reference into its parts.
 *
 * Takes any text and never fails. Text that starts with `//` has an authority; `request.url` differs in this.
 *
 * @param text such as `"http://user@host:80/path?query#anchor"` or `"/path"`
 * @returns the parts
 *
 * @example
 * import { parseUri } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const { scheme, hostname, port, path } = parseUri("http://[::1]:8080/test");
 * assert.deepEqual([scheme, hostname, port, path], ["http", "::1", "8080", "/test"]);
 *
 * @see Nim's `uri.parseUri`, RFC 3986 appendix B
 */
export function parseUri(text: string): Uri {
  if (text.startsWith("//")) return withAuthority(text, "", 2);
  const colon = endOfScheme(text);
  if (text[colon] !== ":") return new Uri(text, "", noAuthority, text, false);
  const scheme = text.slice(0, colon);
  if (text.startsWith("//", colon + 1)) return withAuthority(text, scheme, colon + 3);
  return new Uri(text, scheme, noAuthority, text.slice(colon + 1), true);
}

/**
 * Splits the target of a request line, which is one of the four forms of RFC 9112 3.2.
 *
 * @internal
 */
export function parseRequestTarget(target: string, method: string): Uri {
  // RFC 9112 3.2.1: a target that starts with "/" is in origin form, so `//evil.com/x` names no host.
  if (target.startsWith("/")) return new Uri(target, "", noAuthority, target, false);
  // RFC 9112 3.2.3: only CONNECT has the authority form, host and port, which looks like a scheme and a path.
  if (method === "CONNECT") return new Uri(target, "", splitAuthority(target, noAuthority), "", false);
  return parseUri(target);
}

/** Makes the URI whose authority starts at `start`. */
function withAuthority(text: string, scheme: string, start: number): Uri {
  const length = text.slice(start).search(/[/?#]/);
  const end = length === -1 ? text.length : start + length;
  return new Uri(text, scheme, splitAuthority(text.slice(start, end), noAuthority), text.slice(end), false);
}

/** Finds the first character that no scheme can have; Nim lets a scheme start with a digit, too. */
function endOfScheme(text: string): number {
  const end = text.search(/[^A-Za-z0-9+.-]/);
  return end === -1 ? text.length : end;
}

/** Splits an authority character by character, as Nim does, adding to the parts that are there already. */
function splitAuthority(authority: string, start: Authority): Authority {
  let { username, password, hostname, port, isIpv6 } = start;
  let inPort = false;
  let inBrackets = false;
  for (const character of authority) {
    if (character === "@") {
      // What looked like host and port was the user.
      [username, password, hostname, port] = [hostname, port, "", ""];
      inPort = false;
    } else if (character === "[") {
      inBrackets = isIpv6 = true;
    } else if (character === "]") {
      inBrackets = false;
    } else if (character === ":" && !inBrackets) {
      inPort = true;
    } else if (inPort && character !== ":") {
      port += character;
    } else {
      hostname += character;
    }
  }
  return { username, password, hostname, port, isIpv6 };
}
