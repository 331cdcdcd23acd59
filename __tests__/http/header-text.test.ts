import { inspect } from "node:util";
import { HttpHeaders, newHttpHeaders } from "../../lib/http/headers";

const raw = [
  "Host",
  "h",
  "X-A",
  "1",
  "cookie",
  "a=1",
  "x-a",
  "2, 3",
  "Cookie",
  "b=2",
  "X-Empty",
  "",
  "Set-Cookie",
  "c=3",
];

/** As they come with a request, with their table made already, or made from a list: all are read alike. */
const forms: ReadonlyArray<readonly [form: string, make: () => HttpHeaders]> = [
  ["of a request", () => HttpHeaders.fromRaw(raw)],
  ["of a request, changed before", () => changed(HttpHeaders.fromRaw(raw))],
  ["from pairs", () => newHttpHeaders(pairsOf(raw))],
  ["in title case", () => newHttpHeaders(pairsOf(raw), true)],
];

function pairsOf(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1]!] as [string, string]] : []));
}

function changed(headers: HttpHeaders): HttpHeaders {
  headers.add("x-new", "n");
  headers.del("x-new");
  return headers;
}

describe.each(forms)("headers %s", (_form, make) => {
  test.each<[name: string, text: string | null, lines: string[]]>([
    ["host", "h", ["h"]],
    ["HOST", "h", ["h"]],
    ["x-a", "1, 2, 3", ["1", "2, 3"]],
    ["Cookie", "a=1; b=2", ["a=1", "b=2"]],
    ["x-empty", "", [""]],
    ["set-cookie", "c=3", ["c=3"]],
    ["hos", null, []],
    ["hosts", null, []],
    ["hast", null, []],
    ["", null, []],
    ["__proto__", null, []],
    ["constructor", null, []],
  ])("%s", (name, text, lines) => {
    expect(make().get(name)).toBe(text);
    expect(make().getOrDefault(name)).toBe(text ?? "");
    expect(make().getOrDefault(name, "other")).toBe(text ?? "other");
    expect(make().hasKey(name)).toBe(text !== null);
    expect([...make().values(name)]).toEqual(lines);
    expect(make().values(name).length).toBe(lines.length);
  });
});

test("values stay as they are when the headers change, and the text follows", () => {
  const headers = HttpHeaders.fromRaw(["A", "1"]);
  const values = headers.values("a");
  headers.add("a", "2");
  expect([[...values], headers.get("a")]).toEqual([["1"], "1, 2"]);
});

test("values of a name that is not there", () => {
  const values = newHttpHeaders().values("a");
  expect([values.at(0), values.contains("x"), values.elements(), String(values)]).toEqual([undefined, false, [], ""]);
});

describe("what shows headers", () => {
  const headers = (): HttpHeaders => HttpHeaders.fromRaw(["Host", "h", "X-A", "1", "x-a", "2", "__proto__", "p"]);

  test("console.log", () => {
    expect(inspect(headers())).toBe("HttpHeaders { host: 'h', 'x-a': [ '1', '2' ], ['__proto__']: 'p' }");
    expect(inspect({ a: { b: { c: headers() } } })).toContain("[HttpHeaders]");
    expect(inspect(newHttpHeaders())).toBe("HttpHeaders {}");
  });

  test("JSON.stringify", () => {
    expect(JSON.stringify(headers())).toBe('{"host":"h","x-a":["1","2"],"__proto__":"p"}');
  });

  test("copies that a matcher makes, and a difference that it shows", () => {
    const message = messageOf(() => expect({ deep: [headers()] }).toEqual({ deep: [{ host: "h" }] }));
    expect(message).toMatch(/\+ +HttpHeaders \{\n.*\n.*"host": "h",\n\+ +"x-a": Array \[/);
  });

  test.each<[matcher: string, act: () => void]>([
    ["toEqual", () => expect(headers()).toEqual({ host: "other" })],
    ["toMatchObject", () => expect(headers()).toMatchObject({ host: "other" })],
    ["toMatchObject of fields", () => expect(headers()).toMatchObject({ len: 5, table: new Map(), get: 1 })],
    ["toStrictEqual", () => expect(headers()).toStrictEqual(newHttpHeaders({ host: "other" }))],
    ["toHaveLength", () => expect([headers()]).toHaveLength(3)],
    ["toContain", () => expect([headers()]).toContain(1)],
    ["toBeNull", () => expect(headers()).toBeNull()],
    ["toHaveBeenCalledWith", () => (called(headers()), expect(called).toHaveBeenCalledWith("other"))],
  ])("%s", (_matcher, act) => {
    expect(messageOf(act)).toMatch(/"host": .*"?h"/);
  });

  const called = jest.fn();
});

test("headers are equal to headers with the same lines, whether looked at or not, and to nothing else", () => {
  const looked = HttpHeaders.fromRaw(["A", "1"]);
  expect(looked.table.size).toBe(1);
  expect(HttpHeaders.fromRaw(["a", "1"])).toEqual(looked);
  expect(newHttpHeaders({ a: "1" })).toEqual(looked);
  expect(newHttpHeaders({ a: "2" })).not.toEqual(looked);
  expect(looked).not.toEqual({});
  expect({}).not.toEqual(newHttpHeaders());
});

/** The message of the failure, without colours. */
function messageOf(act: () => void): string {
  try {
    act();
  } catch (error) {
    return (error as Error).message.replace(/\u001b\[\d+m/g, "");
  }
  throw new Error("nothing was thrown");
}
