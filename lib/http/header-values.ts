import { withCode } from "../errors";

/**
 * The values of one header name, one for each of its lines; as text it is the first of them.
 *
 * Never changes: a later `add` or `set` on the headers does not show in it.
 *
 * Differs from Nim: a line is not cut at its commas until `contains` or `elements` asks for it.
 *
 * @example
 * import { newHttpHeaders } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const values = newHttpHeaders([["Accept", "text/html, text/*"], ["Accept", "image/png"]]).get("accept");
 * assert.equal(`${values}`, "text/html, text/*");
 * assert.deepEqual([...values], ["text/html, text/*", "image/png"]);
 *
 * @see Nim's `httpcore.HttpHeaderValues`
 */
export class HttpHeaderValues implements Iterable<string> {
  /** One value for each line, in the order of the lines. */
  readonly lines: readonly string[];

  /**
   * Keeps the given values.
   *
   * @param lines one value, or one for each line
   */
  constructor(lines: string | Iterable<string>) {
    this.lines = typeof lines === "string" ? [lines] : [...lines];
  }

  /** How many lines there are. */
  get length(): number {
    return this.lines.length;
  }

  /**
   * Gives the value of one line.
   *
   * @param i which line, from 0; a negative one counts from the end
   * @returns the value, or `undefined` if there is no such line
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const values = newHttpHeaders({ via: ["1.1 a", "1.1 b"] }).get("via");
   * assert.equal(values.at(-1), "1.1 b");
   * assert.equal(values.at(2), undefined);
   */
  at(i: number): string | undefined {
    return this.lines.at(i);
  }

  /**
   * Says whether a value is among these, whatever its letter case: Nim's `value in headers["Connection"]`.
   *
   * Compares with every whole line and with every element of the lines' comma separated lists.
   *
   * @param value such as `"upgrade"`
   * @returns true if a line or an element is equal to it
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const values = newHttpHeaders({ Connection: "keep-alive, Upgrade" }).get("connection");
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
   * Cuts the lines into the elements of their comma separated lists.
   *
   * A comma within a quoted string does not cut. White space around an element is dropped, as are empty elements.
   *
   * @returns the elements of all lines, in order
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * const values = newHttpHeaders({ "If-Match": ['"a", "b,c"', 'W/"d"'] }).get("if-match");
   * assert.deepEqual(values.elements(), ['"a"', '"b,c"', 'W/"d"']);
   *
   * @see RFC 9110 5.6.1
   */
  elements(): string[] {
    return this.lines.flatMap(splitList);
  }

  /** Gives one value for each line, in the order of the lines. */
  [Symbol.iterator](): IterableIterator<string> {
    return this.lines[Symbol.iterator]();
  }

  /**
   * Gives the value of the first line: Nim's conversion to `string`.
   *
   * @returns the first value, or `""` if there is none
   *
   * @example
   * import { newHttpHeaders } from "asynchttpserver";
   * import assert from "node:assert";
   *
   * assert.equal(String(newHttpHeaders({ host: "a.example" }).get("Host")), "a.example");
   *
   * @see Nim's `httpcore.toString`
   */
  toString(): string {
    return this.lines[0] ?? "";
  }
}

/** Asked for a name or line that is not there. @internal */
export function missing(what: string): RangeError {
  const message = `Ask hasKey first, or use getOrDefault: there is no ${what}`;
  return withCode("ERR_INVALID_ARGUMENT", new RangeError(message));
}

/** Cuts one line at the commas of its list; see `elements`. */
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
