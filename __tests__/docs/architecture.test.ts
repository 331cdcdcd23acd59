import { posix } from "node:path";
import * as ts from "typescript";
import { filesBelow, readText } from "../helpers/docs-files";

/** Lines of code, without comments and blank lines, that one file may have. */
const longest = 350;

interface Import {
  readonly module: string;
  /** Whether nothing of it is left at run time. */
  readonly typeOnly: boolean;
}

interface Source {
  /** The path below `lib`, without its ending. */
  readonly name: string;
  /** Its folder below `lib`, `.` for a file on top. */
  readonly folder: string;
  readonly linesOfCode: number;
  /** What it imports of `lib`, by the names of the files. */
  readonly own: readonly Import[];
  /** What it imports from elsewhere. */
  readonly foreign: readonly Import[];
}

function parse(text: string): ts.SourceFile {
  return ts.createSourceFile("source.ts", text, ts.ScriptTarget.Latest, true);
}

/** What the compiler finds imported, in whatever form. */
function importsOf(source: ts.SourceFile): Import[] {
  const imports: Import[] = [];
  const add = (module: ts.Node | undefined, typeOnly: boolean): void => {
    if (module !== undefined && ts.isStringLiteralLike(module)) imports.push({ module: module.text, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, importsTypesOnly(node.importClause));
    else if (ts.isExportDeclaration(node))
      add(node.moduleSpecifier, node.isTypeOnly || haveTypesOnly(node.exportClause));
    else if (ts.isExternalModuleReference(node)) add(node.expression, false);
    else if (ts.isImportTypeNode(node))
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    else if (ts.isCallExpression(node) && isLoader(node.expression)) add(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return imports;
}

function importsTypesOnly(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  return clause.name === undefined && haveTypesOnly(clause.namedBindings);
}

function haveTypesOnly(names: ts.NamedImportBindings | ts.NamedExportBindings | undefined): boolean {
  if (names === undefined || !(ts.isNamedImports(names) || ts.isNamedExports(names))) return false;
  return names.elements.length > 0 && names.elements.every((element: ts.ImportOrExportSpecifier) => element.isTypeOnly);
}

function isLoader(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === "require");
}

/** The lines on which some part of a statement stands. */
function countCode(source: ts.SourceFile): number {
  const lines = new Set<number>();
  const visit = (node: ts.Node): void => {
    if (ts.isJSDoc(node)) return;
    const parts = node.getChildren(source);
    parts.forEach(visit);
    if (parts.length > 0 || node.getText(source) === "") return;
    const lineAt = (position: number): number => source.getLineAndCharacterOfPosition(position).line;
    for (let line = lineAt(node.getStart(source)); line <= lineAt(node.end); line++) lines.add(line);
  };
  visit(source);
  return lines.size;
}

function read(file: string): Source {
  const name = file.slice("lib/".length, -".ts".length);
  const source = parse(readText(file));
  const imports = importsOf(source);
  return {
    name,
    folder: posix.dirname(name),
    linesOfCode: countCode(source),
    own: imports
      .filter(({ module }) => module.startsWith("."))
      .map(({ module, typeOnly }) => ({ module: posix.join(posix.dirname(name), module), typeOnly })),
    foreign: imports.filter(({ module }) => !module.startsWith(".")),
  };
}

const sources = filesBelow("lib", ".ts").map(read);
const sourceOf = new Map(sources.map((source) => [source.name, source]));

/** The picture of docs/architecture.md: the lines of its first text block that begin with a layer, such as `L0  a  b`. */
function readPicture(): Map<string, number> {
  const block = /^```text\n([^]*?)^```$/m.exec(readText("docs/architecture.md"))?.[1] ?? "";
  const lines = [...block.matchAll(/^L([0-9])((?: +\S+)+) *$/gm)];
  const entries = lines.flatMap(([, layer, names]) =>
    names!
      .trim()
      .split(/ +/)
      .map((name): [string, number] => [name, Number(layer)]),
  );
  expect(new Map(entries).size).toBe(entries.length);
  return new Map(entries);
}

const layers = readPicture();

/** The files without I/O that use something of Node all the same: its timers, status phrases and query parser. */
const usersOfNode = new Set(["http/status", "http/uri"]);

/** A graph as the files that each one imports. */
type Imports = ReadonlyMap<string, readonly string[]>;

/** Every group of files that import one another, each sorted and named once. */
function circlesOf(imports: Imports): string[][] {
  const reached = new Map([...imports.keys()].map((name) => [name, reachableFrom(name, imports)]));
  const groups = [...imports.keys()].map((name) =>
    [...reached.get(name)!].filter((other) => reached.get(other)?.has(name)).sort(),
  );
  return groups.filter(
    (group, i) => group.length > 0 && groups.findIndex((each) => String(each) === String(group)) === i,
  );
}

/** What a file imports, and what that imports in turn. */
function reachableFrom(start: string, imports: Imports): Set<string> {
  const reached = new Set<string>();
  const open = [...(imports.get(start) ?? [])];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (!reached.has(name)) open.push(...(imports.get(name) ?? []));
    reached.add(name);
  }
  return reached;
}

function importsWhere(keep: (each: Import) => boolean): Imports {
  return new Map(sources.map(({ name, own }) => [name, own.filter(keep).map(({ module }) => module)]));
}

describe("the reading of a source", () => {
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
      'const l = `import "./l"`;',
      'import m = require("./m");',
      'import { type N, n } from "./n";',
    ].join("\n");
    const imports = importsOf(parse(text));
    expect(imports.map(({ module }) => module).join(" ")).toBe("./a ./b ./c ./d ./e ./f ./g ./h ./i ./m ./n");
    expect(imports.filter(({ typeOnly }) => typeOnly).map(({ module }) => module)).toEqual(["./b", "./e", "./h"]);
  });

  test("code is counted, comments and blank lines are not", () => {
    const text = ["/** One.", " * Two. */", "const a = 1; // three", "", "// four", "const b = `", "`;", ""].join("\n");
    expect(countCode(parse(text))).toBe(3);
  });

  test("circles are found, of two, of three and of one, and each once", () => {
    const imports = { a: ["b"], b: ["a", "c"], c: ["d"], d: ["e"], e: ["c"], f: ["f"], g: ["a"], h: [] };
    expect(circlesOf(new Map(Object.entries(imports)))).toEqual([["a", "b"], ["c", "d", "e"], ["f"]]);
  });
});

test("the picture names every file of lib, and nothing else", () => {
  expect([...layers.keys()].sort()).toEqual(sources.map(({ name }) => name).sort());
});

describe.each(sources)("$name", ({ name, folder, linesOfCode, own, foreign }) => {
  const layer = layers.get(name) ?? -1;

  test("imports a lower layer, or its own layer within its folder", () => {
    const isAllowed = (other: string): boolean => {
      const theirs = layers.get(other) ?? Infinity;
      return theirs < layer || (theirs === layer && sourceOf.get(other)?.folder === folder);
    };
    expect(own.map(({ module }) => module).filter((other) => !isAllowed(other))).toEqual([]);
  });

  test("imports nothing from elsewhere but types of Node's modules, whose values are in node", () => {
    expect(foreign.filter(({ module, typeOnly }) => !(module.startsWith("node:") && typeOnly))).toEqual([]);
    const isPure = layer === 0 || folder === "http";
    if (isPure && own.some(({ module }) => module === "node")) expect([...usersOfNode]).toContain(name);
  });

  test(`has at most ${longest} lines of code`, () => {
    expect(linesOfCode).toBeLessThanOrEqual(longest);
  });
});

test("what Node does not document is named in the two files for it only", () => {
  const insides =
    /httpAllowHalfOpen|readableFlowing|_dump|_send\b|_expect_continue|closeIdleConnections|\.listeners\(\w+\)\[/;
  const users = sources.filter(({ name }) => insides.test(readText(`lib/${name}.ts`)));
  expect(users.map(({ name }) => name)).toEqual(["wire/incoming-message", "wire/server-response"]);
});

test("at run time there are no circles", () => {
  expect(circlesOf(importsWhere(({ typeOnly }) => !typeOnly))).toEqual([]);
});

test("circles of types stay within a folder", () => {
  const circles = circlesOf(importsWhere(() => true));
  expect(circles.filter((names) => new Set(names.map((name) => posix.dirname(name))).size > 1)).toEqual([]);
});

test("the main entry never imports the second one", () => {
  const main = sources.filter(({ folder }) => folder !== "testing");
  expect(main.filter(({ own }) => own.some(({ module }) => module.startsWith("testing/")))).toEqual([]);
});
