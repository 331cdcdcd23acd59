import { invalidHeader } from "../errors";

/** Leads from a copy that a matcher has made to the headers themselves. */
const original = Symbol("original");

/** How many header fields a request may have; one with more gets 431. */
export const headerLimit = 10_000;

/**
 * What one header name can be given: one value, or several, which become one field each.
 *
 * @example
 * import { newHttpHeaders, type HeaderValue } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const cookies: HeaderValue = ["a=1", "b=2"];
 * assert.equal(newHttpHeaders({ "Set-Cookie": cookies }).values("set-cookie").at(1), "b=2");
 */
export type HeaderValue = string | number | readonly (string | number)[];

/**
 * What header fields can be made from: pairs, a record, a `Map`, a fetch `Headers`, or `HttpHeaders`.
 *
 * An entry whose value is `undefined` is left out.
 *
 * @example
 * import { newHttpHeaders, type HeadersInit } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const forms: HeadersInit[] = [[["Age", 1]], { Age: "1" }, new Map([["age", 1]]), newHttpHeaders({ age: [1] })];
 * for (const form of forms) assert.equal(newHttpHeaders(form).get("age"), "1");
 */
export type HeadersInit =
  | HttpHeaders
  | Iterable<readonly [name: string, value: HeaderValue | undefined]>
  | { readonly [name: string]: HeaderValue | undefined };

/**
 * Header fields by name, whatever the letter case of the name.
 *
 * Names are kept in lower case, or in title case (`Content-Type`) on request, and values as they are. Names keep the
 * order in which they were first added. A failing `expect`, `console.log` and `JSON.stringify` show names and values.
 *
 * Differs from Nim: `[]` and `[]=` are `get`, `values` and `set`, and all fields of a request's repeated header are kept.
 *
 * @example
 * import { newHttpHeaders } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const headers = newHttpHeaders({ "Content-Type": "text/plain" });
 * headers.add("Set-Cookie", "a=1");
 * headers.add("set-cookie", "b=2");
 * assert.equal(headers.get("content-type"), "text/plain");
 * assert.deepEqual([...headers], [["content-type", "text/plain"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]]);
 *
 * @see Nim's `httpcore.HttpHeaders`
 */
export class HttpHeaders implements Iterable<[name: string, value: string]> {
  /** A request's header fields, name and value in turn, until `table` is needed. */
  #raw: readonly string[] | undefined;
  #table: Map<string, string[]> | undefined = undefined;
  readonly #titleCase: boolean;

  /**
   * Makes headers, as `newHttpHeaders` does.
   *
   * @param init the fields to start with, none by default
   * @param titleCase whether names are kept and sent as `Content-Type`, false by default
   * @throws TypeError `ERR_INVALID_HEADER` if a value is no string, number or array of these
   */
  constructor(init?: HeadersInit, titleCase = false) {
    this.#titleCase = titleCase;
    this.#raw = init === undefined ? undefined : flattenHeaders(init);
  }

  /**
   * Makes headers from the flat list that Node calls `rawHeaders`, which must not change any more.
   *
   * @internal
   */
  static fromRaw(rawHeaders: readonly string[]): HttpHeaders {
    const headers = new HttpHeaders();
    headers.#raw = rawHeaders;
    return headers;
  }

  /** Tells these headers from any other form of `HeadersInit`, with no prototype to be trusted. @internal */
  static is(init: object): init is HttpHeaders {
    return #titleCase in init;
  }

  /** Copies header fields, and adds one field where they do not have its name. @internal */
  static withDefault(init: HeadersInit, name: string, value: string): HttpHeaders {
    const titleCase = typeof init === "object" && init !== null && HttpHeaders.is(init) && init.#titleCase;
    const headers = new HttpHeaders(init, titleCase);
    if (!headers.hasKey(name)) headers.set(name, value);
    return headers;
  }

  /** The values by name, each name in the letter case of these headers. */
  get table(): Map<string, string[]> {
    const self = HttpHeaders.#self(this);
    if (self.#table === undefined) {
      const raw = self.#raw ?? [];
      self.#table = new Map();
      self.#raw = undefined;
      for (let i = 0; i + 1 < raw.length; i += 2) self.#append(raw[i]!, raw[i + 1]!);
    }
    return self.#table;
  }

  /**
   * Gives the text of a header: all fields of the name joined by `", "`, those of Cookie by `"; "`.
   *
   * Differs from Nim: `headers[key]` fails where there is no such name, and as text it is the first field only.
   *
   * @param key the name, in any letter case
   * @returns the text, or `null` if there is no such name, as with the `Headers` of fetch
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const headers = newHttpHeaders({ Via: ["1.1 a", "1.1 b"] });
   * assert.equal(headers.get("via"), "1.1 a, 1.1 b");
   * assert.equal(headers.get("host"), null);
   *
   * @see Nim's `httpcore.[]`; RFC 9110 5.3, RFC 9113 8.2.3
   */
  get(key: string): string | null {
    const raw = this.#raw;
    if (raw === undefined) return this.table.get(this.#fold(key))?.join(separatorOf(key)) ?? null;
    // Few are asked for: a search costs less than a table of all.
    let text: string | null = null;
    for (let i = 0; i + 1 < raw.length; i += 2) {
      if (!isSameName(raw[i]!, key)) continue;
      text = text === null ? raw[i + 1]! : text + separatorOf(key) + raw[i + 1]!;
    }
    return text;
  }

  /**
   * Gives the text of a header as `get` does, or something else where there is no such name.
   *
   * @param key the name, in any letter case
   * @param fallback what to give instead, `""` by default; Nim calls it `default`
   * @returns the text, or the fallback
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const headers = newHttpHeaders({ Accept: "text/html" });
   * assert.equal(headers.getOrDefault("accept", "text/plain"), "text/html");
   * assert.equal(headers.getOrDefault("accept-language"), "");
   *
   * @see Nim's `httpcore.getOrDefault`
   */
  getOrDefault(key: string, fallback = ""): string {
    return this.get(key) ?? fallback;
  }

  /**
   * Gives the values of a name, one for each field: Nim's `HttpHeaderValues`.
   *
   * @param key the name, in any letter case
   * @returns the values; without any where there is no such name
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const headers = newHttpHeaders({ Connection: "keep-alive, Upgrade", Via: ["1.1 a", "1.1 b"] });
   * assert.equal(headers.values("connection").contains("upgrade"), true);
   * assert.equal(headers.values("via").at(1), "1.1 b");
   * assert.equal(headers.values("host").length, 0);
   *
   * @see Nim's `httpcore.[]`
   */
  values(key: string): HttpHeaderValues {
    const raw = this.#raw;
    if (raw === undefined) return new HttpHeaderValues(this.table.get(this.#fold(key)) ?? []);
    return new HttpHeaderValues(raw.filter((_, i) => i % 2 === 1 && isSameName(raw[i - 1]!, key)));
  }

  /**
   * Gives a name a value, or several, in place of those it has: Nim's `headers[key] = value`.
   *
   * @param key the name, in any letter case
   * @param value one value, or a list with one for each field; an empty list deletes the name
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
   * Adds one more field for a name, behind those it has.
   *
   * @param key the name, in any letter case
   * @param value the field's value
   * @throws TypeError `ERR_INVALID_HEADER` if the value is no string or number
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const headers = newHttpHeaders({ "set-cookie": "a=1" });
   * headers.add("Set-Cookie", "b=2");
   * assert.deepEqual([...headers.values("set-cookie")], ["a=1", "b=2"]);
   *
   * @see Nim's `httpcore.add`
   */
  add(key: string, value: string | number): void {
    this.#append(key, toText(key, value));
  }

  /**
   * Deletes all fields of a name, if there are any.
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
   * Deletes all fields of all names.
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
   * Says whether a name has any fields.
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
    return this.get(key) !== null;
  }

  /**
   * How many names there are, however many fields each has.
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
   * Gives name and value of every field, the fields of one name together: Nim's `for key, value in headers`.
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

  /** Gives name and value of every field, as `pairs` does. */
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

  /** These headers, as a function, which Jest does not copy. @internal */
  get [original](): () => HttpHeaders {
    return () => this;
  }

  /** The headers themselves, also of a copy that Jest has made: it has the class, but none of the private fields. */
  static #self(headers: HttpHeaders): HttpHeaders {
    return #titleCase in headers ? headers : (headers as HttpHeaders)[original]();
  }

  /** Keeps these headers unequal to a plain object, and Vitest from copying them without their private fields. @internal */
  get [Symbol.toStringTag](): string {
    return "HttpHeaders";
  }

  /** Gives a record of names and values to `JSON.stringify` and to failing matchers. @internal */
  toJSON(): object {
    return Object.assign(Object.create(shownAs) as object, HttpHeaders.#self(this).#record());
  }

  /** What `console.log` shows. @internal */
  [Symbol.for("nodejs.util.inspect.custom")](
    depth: number,
    options: object,
    inspect: (value: object, options: object) => string,
  ): string {
    return depth < 0 ? "[HttpHeaders]" : `HttpHeaders ${inspect(this.#record(), options)}`;
  }

  #record(): { [name: string]: string | string[] } {
    return Object.fromEntries(
      Array.from(this.table, ([name, lines]) => [name, lines.length === 1 ? lines[0]! : [...lines]]),
    );
  }

  #append(key: string, text: string): void {
    const name = this.#fold(key);
    const { table } = this;
    const values = table.get(name);
    if (values === undefined) table.set(name, [text]);
    else values.push(text);
  }

  #fold(key: string): string {
    const lower = key.toLowerCase();
    return this.#titleCase ? lower.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase()) : lower;
  }
}

/** The prototype of what matchers show: they print the name of the class, and nothing is special about `__proto__`. */
const shownAs: object = Object.create(null, { constructor: { value: HttpHeaders } }) as object;

// What Jest copies of an object before it shows a difference: without this, the value of every getter.
Object.defineProperty(HttpHeaders.prototype, Symbol.for("@jest/serializableProperties"), {
  value: [original, "table"],
});

/**
 * Makes headers, empty or from what is given.
 *
 * Differs from Nim: takes a record, a `Map`, a fetch `Headers` and other `HttpHeaders` as well as pairs.
 *
 * @param init the fields to start with, none by default; repeated names keep all their fields
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
 * The values of one header name, one for each of its fields; as text it is the first of them.
 *
 * Never changes: a later `add` or `set` on the headers does not show in it.
 *
 * Differs from Nim: a field is not cut at its commas until `contains` or `elements` asks for it.
 *
 * @example
 * import { newHttpHeaders } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const values = newHttpHeaders([["Accept", "text/html, text/*"], ["Accept", "image/png"]]).values("accept");
 * assert.equal(`${values}`, "text/html, text/*");
 * assert.deepEqual([...values], ["text/html, text/*", "image/png"]);
 *
 * @see Nim's `httpcore.HttpHeaderValues`
 */
export class HttpHeaderValues implements Iterable<string> {
  /** One value for each field, in the order of the fields. */
  readonly lines: readonly string[];

  /**
   * Keeps the given values.
   *
   * @param lines one value, or one for each field
   */
  constructor(lines: string | Iterable<string>) {
    this.lines = typeof lines === "string" ? [lines] : [...lines];
  }

  /** How many fields there are. */
  get length(): number {
    return this.lines.length;
  }

  /**
   * Gives the value of one field.
   *
   * @param i which field, from 0; a negative one counts from the end
   * @returns the value, or `undefined` if there is no such field
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const values = newHttpHeaders({ via: ["1.1 a", "1.1 b"] }).values("via");
   * assert.equal(values.at(-1), "1.1 b");
   * assert.equal(values.at(2), undefined);
   */
  at(i: number): string | undefined {
    return this.lines.at(i);
  }

  /**
   * Says whether a value is among these, whatever its letter case: Nim's `value in headers["Connection"]`.
   *
   * Compares with every whole field and with every element of the fields' comma separated lists.
   *
   * @param value such as `"upgrade"`
   * @returns true if a field or an element is equal to it
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const values = newHttpHeaders({ Connection: "keep-alive, Upgrade" }).values("connection");
   * assert.equal(values.contains("upgrade"), true);
   * assert.equal(values.contains("up"), false);
   *
   * @see Nim's `httpcore.contains`, RFC 9110 5.6.1
   */
  contains(value: string): boolean {
    const wanted = value.toLowerCase();
    const isWanted = (text: string) => text.toLowerCase() === wanted;
    return this.lines.some(isWanted) || this.elements().some(isWanted);
  }

  /**
   * Cuts the fields into the elements of their comma separated lists.
   *
   * A comma within a quoted string does not cut. White space around an element is dropped, as are empty elements.
   *
   * @returns the elements of all fields, in order
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const values = newHttpHeaders({ "If-Match": ['"a", "b,c"', 'W/"d"'] }).values("if-match");
   * assert.deepEqual(values.elements(), ['"a"', '"b,c"', 'W/"d"']);
   *
   * @see RFC 9110 5.6.1
   */
  elements(): string[] {
    return this.lines.flatMap(splitList);
  }

  /** Gives one value for each field, in the order of the fields. */
  [Symbol.iterator](): IterableIterator<string> {
    return this.lines[Symbol.iterator]();
  }

  /**
   * Gives the value of the first field: Nim's conversion to `string`.
   *
   * @returns the first value, or `""` if there is none
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * assert.equal(String(newHttpHeaders({ host: "a.example" }).values("Host")), "a.example");
   *
   * @see Nim's `httpcore.toString`
   */
  toString(): string {
    return this.lines[0] ?? "";
  }
}

/**
 * Gives header fields as Node's `writeHead` takes them: name, value, name, value, and so on.
 *
 * Names come in lower case, or as they stand in `HttpHeaders`. Nothing is said about what is in a name or a value:
 * Node looks at that.
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

/** RFC 9110 5.1: are these the same but for letter case? Names of the same length mostly differ in their last characters. @internal */
export function isSameName(a: string, b: string): boolean {
  const last = a.length - 1;
  if (b.length - 1 !== last || (a.charCodeAt(last) | 0x20) !== (b.charCodeAt(last) | 0x20)) return false;
  return a === b || a.toLowerCase() === b.toLowerCase();
}

/** What joins the values of several fields: RFC 9110 5.3, and for cookies RFC 6265 5.4. */
function separatorOf(name: string): string {
  return isSameName(name, "cookie") ? "; " : ", ";
}

/** Cuts one field at the commas of its list; see `elements`. */
function splitList(line: string): string[] {
  const elements: string[] = [];
  let inQuotes = false;
  let start = 0;
  for (let i = 0; i <= line.length; i++) {
    const character = line[i];
    if (inQuotes && character === "\\") i++;
    else if (character === '"') inQuotes = !inQuotes;
    if (i < line.length && (inQuotes || character !== ",")) continue;
    const element = trimBlanks(line, start, i);
    if (element !== "") elements.push(element);
    start = i + 1;
  }
  return elements;
}

// RFC 9110 5.6.3: only space and tab are white space here, where `trim` would take U+00A0 as well.
function trimBlanks(line: string, start: number, end: number): string {
  const isBlank = (character: string | undefined) => character === " " || character === "\t";
  while (start < end && isBlank(line[start])) start++;
  while (end > start && isBlank(line[end - 1])) end--;
  return line.slice(start, end);
}
