import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

const root = join(__dirname, "..");
const longest = 400;

interface Source {
  /** The path below `lib`, without its ending. */
  readonly name: string;
  readonly text: string;
  /** What it imports of `lib`, types too. */
  readonly own: readonly string[];
  /** What it imports from elsewhere. */
  readonly foreign: readonly string[];
}

/** The module of each `import`, `export … from`, `import()` and `require()` outside comments. */
function importsOf(text: string): string[] {
  const code = text.replace(/\/\*[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  const found = code.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(["'])([^"'\n]+)\1/g);
  return [...found].map(([, , module]) => module!);
}

function read(name: string): Source {
  const text = readFileSync(join(root, "lib", `${name}.ts`), "utf8");
  const modules = importsOf(text);
  const own = modules.filter((module) => module.startsWith("."));
  return {
    name,
    text,
    own: own.map((module) => posix.join(posix.dirname(name), module)),
    foreign: modules.filter((module) => !module.startsWith(".")),
  };
}

const sources = (readdirSync(join(root, "lib"), { recursive: true }) as string[])
  .map((file) => file.replaceAll("\\", "/"))
  .filter((file) => file.endsWith(".ts"))
  .map((file) => read(file.slice(0, -".ts".length)));

/** The picture of docs/architecture.md: the lines of its first text block that begin with a layer, such as `L0  a  b`. */
function readPicture(): Map<string, number> {
  const page = readFileSync(join(root, "docs", "architecture.md"), "utf8");
  const block = /^```text\n([^]*?)^```$/m.exec(page)?.[1] ?? "";
  const lines = [...block.matchAll(/^L([0-9])((?: +\S+)+) *$/gm)];
  const entries = lines.flatMap(([, layer, names]) =>
    names!.trim().split(/ +/).map((name): [string, number] => [name, Number(layer)]),
  );
  expect(new Map(entries).size).toBe(entries.length);
  return new Map(entries);
}

const layers = readPicture();

test("imports are found in every form, and not in comments", () => {
  const text = [
    'import a from "./a";',
    'import type { B } from "./b";',
    'import {\n  c,\n} from "./c";',
    'export * from "./d";',
    'export { type E } from "./e";',
    'import "./f";',
    'const g = require("./g") as typeof import("./h");',
    'const i = await import("./i");',
    '/** import { j } from "./j"; */',
    '// import { k } from "./k";',
  ].join("\n");
  expect(importsOf(text)).toEqual(["./a", "./b", "./c", "./d", "./e", "./f", "./g", "./h", "./i"]);
});

test("the picture names every file of lib, and nothing else", () => {
  expect([...layers.keys()].sort()).toEqual(sources.map(({ name }) => name).sort());
});

describe.each(sources)("$name", ({ name, text, own, foreign }) => {
  const layer = layers.get(name) ?? -1;

  test("imports its own layer or a lower one", () => {
    expect(own.filter((other) => !((layers.get(other) ?? Infinity) <= layer))).toEqual([]);
  });

  test("imports nothing from elsewhere but types of Node's modules", () => {
    expect(foreign.filter((module) => !module.startsWith("node:"))).toEqual([]);
    // A bundle that is an ES module has no `require` for Node's modules: `node` has their values.
    expect(text).not.toMatch(/^import (?!type )[^;]*from "node:|\brequire\(/m);
  });

  test(`has at most ${longest} lines of code`, () => {
    const code = text.replace(/^\s*\/\*\*[^]*?\*\/$|^\s*\/\/.*$/gm, "").match(/^.*\S.*$/gm) ?? [];
    expect(code.length).toBeLessThanOrEqual(longest);
  });
});

test("in L0 only timers and status phrases come from Node", () => {
  const users = sources.filter(({ name, own, foreign }) => layers.get(name) === 0 && [...own, ...foreign].some((module) => /^node(:|$)/.test(module)));
  expect(users.map(({ name }) => name).sort()).toEqual(["http/status", "node", "timers"]);
});

test("there are no circles", () => {
  const imports = new Map(sources.map(({ name, own }) => [name, own]));
  const circles: string[] = [];
  const done = new Set<string>();
  const walk = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) circles.push([...path.slice(path.indexOf(name)), name].join(" → "));
    if (path.includes(name) || done.has(name)) return;
    for (const other of imports.get(name) ?? []) walk(other, [...path, name]);
    done.add(name);
  };
  for (const { name } of sources) walk(name, []);
  expect(circles).toEqual([]);
});

test("the main entry never imports the second one", () => {
  const main = sources.filter(({ name }) => !name.startsWith("testing/"));
  expect(main.filter(({ own }) => own.some((other) => other.startsWith("testing/")))).toEqual([]);
});
