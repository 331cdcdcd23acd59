import { runInNewContext } from "node:vm";
import {
  flattenHeaders,
  HttpHeaders,
  HttpHeaderValues,
  newHttpHeaders,
  type HeadersInit,
} from "../../lib/http/headers";
import { thrownBy } from "../helpers/servers";

describe("thttpcore.nim", () => {
  test("headers", () => {
    const h = newHttpHeaders();
    expect(h.len).toBe(0);
    h.add("Cookie", "foo");
    expect(h.len).toBe(1);
    expect(h.hasKey("cooKIE")).toBe(true);
    expect(String(h.values("Cookie"))).toBe("foo");
    expect(String(h.values("cookie"))).toBe("foo");
    h.set("cookie", ["bar", "x"]);
    expect(String(h.values("Cookie"))).toBe("bar");
    expect(h.values("Cookie").at(1)).toBe("x");
    expect(h.values("Cookie").contains("BaR")).toBe(true);
    expect(h.values("Cookie").contains("X")).toBe(true);
    expect(h.values("cookiE").contains("baR")).toBe(true);
    h.del("coOKie");
    expect(h.len).toBe(0);
  });

  test("the constructor takes repeated names", () => {
    expect([
      ...newHttpHeaders([
        ["a", "1"],
        ["a", "2"],
        ["A", "3"],
      ]).values("a"),
    ]).toEqual(["1", "2", "3"]);
  });

  test("test_cookies_with_comma", () => {
    const headers = HttpHeaders.fromRaw(["Cookie", "foo, bar", "Accept", "foo, bar, prologue"]);
    expect([...headers.values("cookie")]).toEqual(["foo, bar"]);
    expect(headers.values("accept").elements()).toEqual(["foo", "bar", "prologue"]);
  });

  test.each<[why: string, before: HeadersInit]>([
    ["a new name", {}],
    ["one value", { name: "true" }],
    ["a list", { name: ["true"] }],
  ])("add_empty_sequence_to_HTTP_headers: an empty list deletes %s", (_why, before) => {
    const headers = newHttpHeaders(before);
    headers.set("name", []);
    expect(headers.hasKey("name")).toBe(false);
    headers.set("name", ["true"]);
    expect(headers.hasKey("name")).toBe(true);
  });

  test("a list, added to", () => {
    const headers = newHttpHeaders();
    headers.set("Connection", ["Upgrade", "Close"]);
    headers.add("Connection", "Test");
    expect([0, 1, 2].map((i) => headers.values("Connection").at(i))).toEqual(["Upgrade", "Close", "Test"]);
    expect(headers.values("Connection").contains("upgrade")).toBe(true);
  });

  test("bug #5344: an empty value is a value", () => {
    expect(HttpHeaders.fromRaw(["foobar", ""]).get("foobar")).toBe("");
  });

  test("test title case", () => {
    const headers = newHttpHeaders(undefined, true);
    headers.add("content-length", "1");
    expect(headers.hasKey("Content-Length")).toBe(true);
    expect([...headers]).toEqual([["Content-Length", "1"]]);
  });
});

describe("the forms of HeadersInit", () => {
  const pairs: [string, string][] = [
    ["A", "1"],
    ["b", "2"],
  ];

  function* generated() {
    yield* pairs;
  }

  test.each<[form: string, init: HeadersInit]>([
    ["pairs", pairs],
    ["an iterator", generated()],
    ["a record", { A: "1", b: "2" }],
    ["a record without prototype", Object.assign(Object.create(null), { A: "1", b: "2" })],
    ["a record with numbers and lists", { A: 1, b: [2] }],
    ["a record with undefined", { A: "1", c: undefined, b: "2" }],
    [
      "pairs with undefined",
      [
        ["A", "1"],
        ["c", undefined],
        ["b", "2"],
      ],
    ],
    ["a record with an empty list", { A: "1", c: [], b: "2" }],
    ["a Map", new Map(pairs)],
    ["fetch Headers", new Headers(pairs)],
    ["HttpHeaders", newHttpHeaders(pairs)],
    ["pairs of another realm", runInNewContext('[["A", "1"], ["b", "2"]]')],
    ["a record of another realm", runInNewContext('({ A: "1", b: ["2"] })')],
    ["a Map of another realm", runInNewContext('new Map([["A", "1"], ["b", "2"]])')],
  ])("%s", (_form, init) => {
    const headers = newHttpHeaders(init);
    expect([...headers]).toEqual([
      ["a", "1"],
      ["b", "2"],
    ]);
    expect(flattenHeaders(headers)).toEqual(["a", "1", "b", "2"]);
  });

  test.each<[form: string, init: () => HeadersInit]>([
    ["a record", () => ({ "Set-Cookie": ["a=1, 2", "b=3"] })],
    [
      "pairs",
      () => [
        ["Set-Cookie", "a=1, 2"],
        ["set-cookie", "b=3"],
      ],
    ],
    [
      "fetch Headers",
      () =>
        new Headers([
          ["Set-Cookie", "a=1, 2"],
          ["set-cookie", "b=3"],
        ]),
    ],
    ["HttpHeaders", () => newHttpHeaders({ "Set-Cookie": ["a=1, 2", "b=3"] })],
  ])("several lines stay several: %s", (_form, init) => {
    expect([...newHttpHeaders(init()).values("set-cookie")]).toEqual(["a=1, 2", "b=3"]);
    expect(flattenHeaders(init())).toEqual(["set-cookie", "a=1, 2", "set-cookie", "b=3"]);
  });

  test.each<[value: string, init: unknown, message: RegExp]>([
    ["null", { "X-A": null }, /"X-A".* not null$/],
    ["a boolean", [["X-A", true]], /"X-A".* not boolean$/],
    ["an object", new Map([["X-A", {}]]), /"X-A".* not object$/],
    ["undefined in a list", { "X-A": ["1", undefined] }, /"X-A".* not undefined$/],
    ["a list in a list", { "X-A": [["1"]] }, /"X-A".* not object$/],
    ["a symbol", { "X-A": Symbol("a") }, /"X-A".* not symbol$/],
    ["a bigint", { "X-A": 1n }, /"X-A".* not bigint$/],
    ["null for the whole", null, /pairs, not null$/],
    ["text for the whole", "X-A: 1", /pairs, not string$/],
    ["a flat list", ["X-A", "1"], /pairs, not string$/],
    ["a number as name", [[1, "a"]], /pairs, not object$/],
  ])("%s is refused", (_value, init, message) => {
    const error = { name: "TypeError", code: "ERR_INVALID_HEADER", message: expect.stringMatching(message) };
    expect(thrownBy(() => flattenHeaders(init as HeadersInit))).toMatchObject(error);
    expect(thrownBy(() => newHttpHeaders(init as HeadersInit))).toMatchObject(error);
  });

  test.each(["__proto__", "constructor", "hasOwnProperty", "toString"])("%s is just a key", (key) => {
    expect(newHttpHeaders().hasKey(key)).toBe(false);
    const headers = newHttpHeaders(JSON.parse(`{"${key}": "1"}`));
    headers.add(key, 2);
    expect([...headers]).toEqual([
      [key.toLowerCase(), "1"],
      [key.toLowerCase(), "2"],
    ]);
    expect(({} as Record<string, unknown>)["1"]).toBeUndefined();
  });

  test("nothing that is inherited is a header", () => {
    expect(flattenHeaders(Object.create({ inherited: "1" }))).toEqual([]);
  });
});

describe("HttpHeaders", () => {
  test("keep the order of their names, and the lines of a name together", () => {
    const headers = HttpHeaders.fromRaw(["B", "1", "A", "2", "b", "3"]);
    expect([...headers.pairs()]).toEqual([
      ["b", "1"],
      ["b", "3"],
      ["a", "2"],
    ]);
    expect(headers.len).toBe(2);
  });

  test("copy what they are made from", () => {
    const lines = ["1"];
    const first = newHttpHeaders({ a: lines });
    const second = newHttpHeaders(first);
    second.set("b", lines);
    lines.push("2");
    first.add("a", "3");
    expect([...second]).toEqual([
      ["a", "1"],
      ["b", "1"],
    ]);
  });

  test.each([
    ["content-type", "Content-Type"],
    ["WWW-AUTHENTICATE", "Www-Authenticate"],
    ["x--a-", "X--A-"],
    ["dnt", "Dnt"],
    ["x_y-1z", "X_y-1z"],
  ])("title case, as Nim's toTitleCase: %s is %s", (key, expected) => {
    const headers = newHttpHeaders({ [key]: "1" }, true);
    expect([...headers]).toEqual([[expected, "1"]]);
    expect(flattenHeaders(headers)).toEqual([expected, "1"]);
    expect([...newHttpHeaders(headers)]).toEqual([[key.toLowerCase(), "1"]]);
  });

  test("set replaces all lines, and a name that is there keeps its place", () => {
    const headers = newHttpHeaders({ a: ["1", "2"], b: "3" });
    headers.set("A", 4);
    expect([...headers]).toEqual([
      ["a", "4"],
      ["b", "3"],
    ]);
  });

  test("set and add refuse what is no value, and change nothing", () => {
    const headers = newHttpHeaders({ a: "1" });
    const error = { name: "TypeError", code: "ERR_INVALID_HEADER" };
    expect(thrownBy(() => headers.set("a", ["2", null] as never))).toMatchObject(error);
    expect(thrownBy(() => headers.set("a", undefined as never))).toMatchObject(error);
    expect(thrownBy(() => headers.add("a", {} as never))).toMatchObject(error);
    expect([...headers]).toEqual([["a", "1"]]);
  });

  test("del of a name that is not there does nothing; clear takes all", () => {
    const headers = newHttpHeaders({ a: "1", b: "2" });
    headers.del("c");
    expect(headers.len).toBe(2);
    headers.clear();
    expect([...headers]).toEqual([]);
  });

  test.each<[init: HeadersInit, expected: string]>([
    [{}, "{:}"],
    [{ A: "1" }, '{"a": @["1"]}'],
    [{ a: ["1", 'say "2"'], b: "" }, '{"a": @["1", "say \\"2\\""], "b": @[""]}'],
  ])("as text, in the form of Nim's $: %p", (init, expected) => {
    expect(`${newHttpHeaders(init)}`).toBe(expected);
  });

  test("are equal when their lines are, and show them", () => {
    expect(newHttpHeaders({ A: "1" })).toEqual(newHttpHeaders([["a", 1]]));
    expect(newHttpHeaders({ a: "1" })).not.toEqual(newHttpHeaders({ a: "2" }));
    expect(newHttpHeaders({ a: "1" }).table).toEqual(new Map([["a", ["1"]]]));
  });

  test("fromRaw takes a name without value, and nothing, for what they are", () => {
    expect([...HttpHeaders.fromRaw([])]).toEqual([]);
    expect([...HttpHeaders.fromRaw(["A"])]).toEqual([]);
  });
});

describe("HttpHeaderValues", () => {
  test("are a sequence of lines that reads as the first", () => {
    const values = newHttpHeaders({ a: ["1", "2"] }).values("a");
    expect(values.length).toBe(2);
    expect([values.at(0), values.at(1), values.at(-1), values.at(2)]).toEqual(["1", "2", "2", undefined]);
    expect([...values]).toEqual(["1", "2"]);
    expect(values.lines).toEqual(["1", "2"]);
    expect(`${values}`).toBe("1");
    expect(String(new HttpHeaderValues([]))).toBe("");
  });

  test("stay as they are when the headers change", () => {
    const headers = newHttpHeaders({ a: "1" });
    const values = headers.values("a");
    headers.add("a", "2");
    expect([...values]).toEqual(["1"]);
  });

  test.each<[line: string, elements: string[]]>([
    ["", []],
    ["a", ["a"]],
    ["a,b", ["a", "b"]],
    [" a\t, \tb c ", ["a", "b c"]],
    [",, a,, b ,", ["a", "b"]],
    [" \t, ", []],
    ['"a, b", c', ['"a, b"', "c"]],
    ['x="a,b";y, z', ['x="a,b";y', "z"]],
    ['"a\\", b", c', ['"a\\", b"', "c"]],
    ['"a\\\\", b', ['"a\\\\"', "b"]],
    ['"a, b', ['"a, b']],
    ['"a, b\\', ['"a, b\\']],
    ["a\\, b", ["a\\", "b"]],
    ['""', ['""']],
    ["\u00a0a\u00a0", ["\u00a0a\u00a0"]],
  ])("RFC 9110 5.6.1, the elements of %p", (line, elements) => {
    expect(new HttpHeaderValues(line).elements()).toEqual(elements);
  });

  test("the elements are those of all lines", () => {
    expect(new HttpHeaderValues(["a, b", "", "c"]).elements()).toEqual(["a", "b", "c"]);
  });

  test.each<[lines: string[], value: string, expected: boolean]>([
    [["keep-alive, Upgrade"], "upgrade", true],
    [["keep-alive, Upgrade"], "KEEP-ALIVE", true],
    [["keep-alive", "upgrade"], "Upgrade", true],
    [["keep-alive, Upgrade"], "up", false],
    [["keep-alive, Upgrade"], "", false],
    [[""], "", true],
    [["Tue, 29 Apr 2014"], "tue, 29 apr 2014", true],
    [['"a, b"'], "b", false],
    [[], "a", false],
  ])("%p contains %p: %p", (lines, value, expected) => {
    expect(new HttpHeaderValues(lines).contains(value)).toBe(expected);
  });
});

describe("flattenHeaders", () => {
  test("gives numbers as text, and values as they are", () => {
    expect(flattenHeaders({ "Content-Length": 5, "X-A": ["\u00e9\r\n", 1.5], Age: 0 })).toEqual([
      "content-length",
      "5",
      "x-a",
      "\u00e9\r\n",
      "x-a",
      "1.5",
      "age",
      "0",
    ]);
  });

  test("gives names that differ in letter case a line each", () => {
    expect(flattenHeaders({ Via: "1", via: "2" })).toEqual(["via", "1", "via", "2"]);
  });
});
