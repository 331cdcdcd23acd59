import { invalidHeader } from "../errors";
import { HttpHeaderValues, missing } from "./header-values";

/** How many header lines a request may have; one with more gets 431. */
export const headerLimit = 10_000;

/**
 * What one header name can be given: one value, or several, which become a line each.
 *
 * @example
 * import { newHttpHeaders, type HeaderValue } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const cookies: HeaderValue = ["a=1", "b=2"];
 * assert.equal(newHttpHeaders({ "Set-Cookie": cookies }).get("set-cookie", 1), "b=2");
 */
export type HeaderValue = string | number | readonly (string | number)[];

/**
 * What header lines can be made from: pairs, a record, a `Map`, a fetch `Headers`, or `HttpHeaders`.
 *
 * An entry whose value is `undefined` is left out.
 *
 * @example
 * import { newHttpHeaders, type HeadersInit } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const forms: HeadersInit[] = [[["Age", 1]], { Age: "1" }, new Map([["age", 1]]), newHttpHeaders({ age: [1] })];
 * for (const form of forms) assert.equal(newHttpHeaders(form).get("age", 0), "1");
 */
export type HeadersInit =
  | HttpHeaders
  | Iterable<readonly [name: string, value: HeaderValue | undefined]>
  | { readonly [name: string]: HeaderValue | undefined };

/**
 * Header lines by name, whatever the names' letter case.
 *
 * Names are kept in lower case, or in title case (`Content-Type`) on request, and values as they are. Names keep the
 * order in which they were first added.
 *
 * Differs from Nim: `[]` and `[]=` are `get` and `set`, and all lines of a request's repeated header are kept.
 *
 * @example
 * import { newHttpHeaders } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const headers = newHttpHeaders({ "Content-Type": "text/plain" });
 * headers.add("Set-Cookie", "a=1");
 * headers.add("set-cookie", "b=2");
 * assert.deepEqual([...headers], [["content-type", "text/plain"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]]);
 *
 * @see Nim's `httpcore.HttpHeaders`
 */
export class HttpHeaders implements Iterable<[name: string, value: string]> {
  /** The values by name, each name in the letter case of these headers. */
  readonly table: Map<string, string[]> = new Map();
  readonly #titleCase: boolean;

  /**
   * Makes headers, as `newHttpHeaders` does.
   *
   * @param init the lines to start with, none by default
   * @param titleCase whether names are kept and sent as `Content-Type`, false by default
   * @throws TypeError `ERR_INVALID_HEADER` if a value is no string, number or array of these
   */
  constructor(init?: HeadersInit, titleCase = false) {
    this.#titleCase = titleCase;
    if (init !== undefined) this.#addAll(flattenHeaders(init));
  }

  /**
   * Makes headers from the flat list that Node calls `rawHeaders`.
   *
   * @internal
   */
  static fromRaw(rawHeaders: readonly string[]): HttpHeaders {
    const headers = new HttpHeaders();
    headers.#addAll(rawHeaders);
    return headers;
  }

  /** Tells these headers from any other form of `HeadersInit`, with no prototype to be trusted. @internal */
  static is(init: object): init is HttpHeaders {
    return #titleCase in init;
  }

  /**
   * Gives the values of a name: Nim's `headers[key]` and `headers[key, i]`.
   *
   * @param key the name, in any letter case
   * @param i which line, from 0; without it, all of them
   * @returns the values, which as text are the first; with `i`, that line's value as a string
   * @throws RangeError `ERR_INVALID_ARGUMENT` if there is no such name or line
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const headers = newHttpHeaders({ Via: ["1.1 a", "1.1 b"] });
   * assert.equal(`${headers.get("via")}`, "1.1 a");
   * assert.equal(headers.get("VIA", 1), "1.1 b");
   * assert.throws(() => headers.get("host"), { name: "RangeError", code: "ERR_INVALID_ARGUMENT" });
   *
   * @see Nim's `httpcore.[]`
   */
  get(key: string): HttpHeaderValues;
  /** Gets the value of one line of a name; the first is line 0. */
  get(key: string, i: number): string;
  get(key: string, i?: number): HttpHeaderValues | string {
    const values = this.table.get(this.#fold(key));
    if (values === undefined) throw missing(`header "${key}"`);
    if (i === undefined) return new HttpHeaderValues(values);
    const value = values[i];
    if (value === undefined) throw missing(`line ${i} of header "${key}", which has ${values.length}`);
    return value;
  }

  /**
   * Gives the values of a name, or something else where there is no such name.
   *
   * @param key the name, in any letter case
   * @param fallback one value, or one for each line, to give instead; `""` unless told; Nim calls it `default`
   * @returns the values, which as text are the first
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const headers = newHttpHeaders({ connection: "close" });
   * assert.equal(headers.getOrDefault("Connection").contains("close"), true);
   * assert.equal(`${headers.getOrDefault("accept")}`, "");
   * assert.equal(`${headers.getOrDefault("accept", "text/plain")}`, "text/plain");
   *
   * @see Nim's `httpcore.getOrDefault`
   */
  getOrDefault(key: string, fallback: string | Iterable<string> = ""): HttpHeaderValues {
    return new HttpHeaderValues(this.table.get(this.#fold(key)) ?? fallback);
  }

  /**
   * Gives a name a value, or several, in place of those it has: Nim's `headers[key] = value`.
   *
   * @param key the name, in any letter case
   * @param value one value, or a list with one for each line; an empty list deletes the name
   * @throws TypeError `ERR_INVALID_HEADER` if the value is no string, number or array of these
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const headers = newHttpHeaders();
   * headers.set("Retry-After", 120);
   * headers.set("retry-after", ["60"]);
   * assert.deepEqual([...headers], [["retry-after", "60"]]);
   *
   * @see Nim's `httpcore.[]=`
   */
  set(key: string, value: HeaderValue): void {
    const lines = Array.isArray(value) ? value.map((line) => toText(key, line)) : [toText(key, value)];
    if (lines.length === 0) this.del(key);
    else this.table.set(this.#fold(key), lines);
  }

  /**
   * Adds one more line for a name, behind those it has.
   *
   * @param key the name, in any letter case
   * @param value the line's value
   * @throws TypeError `ERR_INVALID_HEADER` if the value is no string or number
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const headers = newHttpHeaders({ "set-cookie": "a=1" });
   * headers.add("Set-Cookie", "b=2");
   * assert.deepEqual([...headers.get("set-cookie")], ["a=1", "b=2"]);
   *
   * @see Nim's `httpcore.add`
   */
  add(key: string, value: string | number): void {
    this.#append(key, toText(key, value));
  }

  /**
   * Deletes all lines of a name, if there are any.
   *
   * @param key the name, in any letter case
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const headers = newHttpHeaders({ Age: 1 });
   * headers.del("age");
   * assert.equal(headers.len, 0);
   *
   * @see Nim's `httpcore.del`
   */
  del(key: string): void {
    this.table.delete(this.#fold(key));
  }

  /**
   * Deletes all lines of all names.
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const headers = newHttpHeaders({ age: 1, date: "now" });
   * headers.clear();
   * assert.equal(headers.len, 0);
   *
   * @see Nim's `httpcore.clear`
   */
  clear(): void {
    this.table.clear();
  }

  /**
   * Says whether a name has any lines.
   *
   * @param key the name, in any letter case
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * assert.equal(newHttpHeaders({ Age: 1 }).hasKey("aGE"), true);
   *
   * @see Nim's `httpcore.hasKey`
   */
  hasKey(key: string): boolean {
    return this.table.has(this.#fold(key));
  }

  /**
   * How many names there are, however many lines each has.
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * assert.equal(newHttpHeaders({ age: 1, via: ["1.1 a", "1.1 b"] }).len, 2);
   *
   * @see Nim's `httpcore.len`
   */
  get len(): number {
    return this.table.size;
  }

  /**
   * Gives name and value of every line, the lines of one name together: Nim's `for key, value in headers`.
   *
   * @returns an iterator, the same as that of the headers themselves
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const headers = newHttpHeaders({ Via: ["1.1 a", "1.1 b"] });
   * assert.deepEqual([...headers.pairs()], [["via", "1.1 a"], ["via", "1.1 b"]]);
   *
   * @see Nim's `httpcore.pairs`
   */
  *pairs(): IterableIterator<[name: string, value: string]> {
    for (const [name, values] of this.table) {
      for (const value of values) yield [name, value];
    }
  }

  /** Gives name and value of every line, as `pairs` does. */
  [Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    return this.pairs();
  }

  /**
   * Gives the headers as text to look at, in the form of Nim's `$`; it is not what goes on the wire.
   *
   * @returns such as `{"via": @["1.1 a", "1.1 b"]}`, or `{:}` if there are none
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * assert.equal(`${newHttpHeaders({ Age: 1 })}`, '{"age": @["1"]}');
   *
   * @see Nim's `httpcore.$`
   */
  toString(): string {
    const quote = (text: string) => JSON.stringify(text);
    const entries = Array.from(this.table, ([name, values]) => `${quote(name)}: @[${values.map(quote).join(", ")}]`);
    return entries.length === 0 ? "{:}" : `{${entries.join(", ")}}`;
  }

  #addAll(flat: readonly string[]): void {
    for (let i = 0; i + 1 < flat.length; i += 2) this.#append(flat[i]!, flat[i + 1]!);
  }

  #append(key: string, text: string): void {
    const name = this.#fold(key);
    const values = this.table.get(name);
    if (values === undefined) this.table.set(name, [text]);
    else values.push(text);
  }

  #fold(key: string): string {
    const lower = key.toLowerCase();
    return this.#titleCase ? lower.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase()) : lower;
  }
}

/**
 * Makes headers, empty or from what is given.
 *
 * Differs from Nim: takes a record, a `Map`, a fetch `Headers` and other `HttpHeaders` as well as pairs.
 *
 * @param init the lines to start with, none by default; repeated names keep all their lines
 * @param titleCase whether names are kept and sent as `Content-Type`, false by default
 * @returns new headers, which share nothing with `init`
 * @throws TypeError `ERR_INVALID_HEADER` if a value is no string, number or array of these
 *
 * @example
 * import { newHttpHeaders } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const headers = newHttpHeaders([["content-type", "text/plain"], ["content-length", 5]], true);
 * assert.deepEqual([...headers], [["Content-Type", "text/plain"], ["Content-Length", "5"]]);
 *
 * @see Nim's `httpcore.newHttpHeaders`
 */
export function newHttpHeaders(init?: HeadersInit, titleCase = false): HttpHeaders {
  return new HttpHeaders(init, titleCase);
}

/**
 * Gives header lines as Node's `writeHead` takes them: name, value, name, value, and so on.
 *
 * Names come in lower case, or as they stand in `HttpHeaders`. Nothing is said about what is in a name or a value:
 * Node looks at that.
 *
 * @internal
 *
 * @internal
 */
export function flattenHeaders(init: HeadersInit): string[] {
  if (typeof init !== "object" || init === null) throw notHeaders(init);
  const flat: string[] = [];
  if (HttpHeaders.is(init)) {
    for (const [name, values] of init.table) {
      for (let i = 0; i < values.length; i++) flat.push(name, values[i]!);
    }
  } else if (isIterable(init)) {
    // Told by what it can do: a Map or Headers of another realm is no instance of this realm's class.
    for (const pair of init) {
      if (!Array.isArray(pair) || typeof pair[0] !== "string") throw notHeaders(pair);
      pushLines(flat, pair[0], pair[1]);
    }
  } else {
    for (const name of Object.keys(init)) pushLines(flat, name, init[name]);
  }
  return flat;
}

function isIterable(init: object): init is Iterable<readonly [string, HeaderValue | undefined]> {
  return Symbol.iterator in init;
}

function pushLines(flat: string[], name: string, value: HeaderValue | undefined): void {
  const folded = name.toLowerCase();
  if (typeof value === "string") {
    flat.push(folded, value);
  } else if (Array.isArray(value)) {
    for (const line of value) flat.push(folded, toText(name, line));
  } else if (value !== undefined) {
    flat.push(folded, toText(name, value));
  }
}

function toText(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  throw invalidHeader(`Give header "${name}" a string, a number or an array of these, not ${kindOf(value)}`);
}

function notHeaders(value: unknown): TypeError {
  return invalidHeader(`Give the headers as a record, a Map, Headers or [name, value] pairs, not ${kindOf(value)}`);
}

/** The kind of a value that is wrong, not the value: it may be a secret. */
function kindOf(value: unknown): string {
  return value === null ? "null" : typeof value;
}
