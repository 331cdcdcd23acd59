import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import * as ts from "typescript";
import * as entry from "../../lib/index";
import { blocks, docOf, type Block, type Doc } from "../helpers/docs-blocks";
import { anchorsOf, documents, fencesOf, filesBelow, headingsOf, proseOf, readText, ROOT } from "../helpers/docs-files";
import { run, sourceOf, type Outcomes } from "../helpers/docs-outcomes";
import { check, exportsOf, type Checked } from "../helpers/docs-types";

const all = blocks();
const typed = all.filter(({ language }) => language === "ts");
const examples = filesBelow("docs/examples", ".ts");
// Packages that documents name and that are not installed here: their types are anybody's guess.
const foreign = [
  "docs/foreign.d.ts",
  `declare module "ws" { export const WebSocketServer: any; export type WebSocket = any; }
  declare module "express" { const express: () => any; export default express; }`,
] as const;
const compiled = check(new Map([foreign, ...typed.map((block) => [fileOf(block), textOf(block)] as const)]), examples);

/** The name under which a block is compiled: Jest loads CommonJS, everything else may await at its top. */
function fileOf(block: Block): string {
  return `${block.file}.${block.line}.${block.kind === "test" ? "cts" : "mts"}`;
}

/** A fragment stands in the middle of something: it has a server, a request and what the entry exports. */
function textOf(block: Block): string {
  const { code } = block;
  if (block.kind !== "fragment") return sourceOf(block);
  const imported = [...code.matchAll(/^import[^;]*;/gm)].join();
  const used = Object.keys(entry).filter((name) => isWord(name, code) && !isWord(name, imported));
  const own = (name: string): boolean => new RegExp(`\\b(?:const|let) (?:\\[|\\{)?[^=;]*\\b${name}\\b`).test(code);
  return [
    `${sourceOf(block)}import { ${used.join(", ")} } from "asynchttpserver";`,
    own("server") ? "" : `declare const server: import("asynchttpserver").AsyncHttpServer;`,
    own("request") ? "" : `declare const request: import("asynchttpserver").Request;`,
    "export {};",
  ].join("\n");
}

function isWord(name: string, text: string): boolean {
  return new RegExp(`\\b${name}\\b`).test(text);
}

/** What the compiler has against a block; a fragment need not use what it declares. */
function complaintsOf(block: Block): string[] {
  if (!typed.includes(block)) return [];
  const complaints = compiled.complaints(fileOf(block));
  return block.kind === "fragment" ? complaints.filter((text) => !/TS(?:6133|6192|6196) /.test(text)) : complaints;
}

describe("a block of code", () => {
  let outcomes: Outcomes;
  beforeAll(async () => {
    outcomes = await run(all.filter(({ kind }) => kind !== "fragment" && kind !== "foreign"));
  }, 120_000);

  test.each(all.map((block) => [block.name, block] as const))("%s has the right types and runs", (_name, block) => {
    expect(complaintsOf(block)).toEqual([]);
    expect(outcomes.get(block.name)).toBeUndefined();
  });
});

test.each(examples)("%s has the right types", (name) => {
  expect(compiled.complaints(name)).toEqual([]);
});

describe.each(documents())("%s", (file) => {
  test("writes its code in languages that these gates know", () => {
    const known = ["ts", "js", "nim", "sh", "text", "json", "nginx", "http", "diff", "ini"];
    const unknown = fencesOf(file).filter(({ info }) => !known.includes(info[0] ?? ""));
    expect(unknown.map(({ line, info }) => `${file}:${line}: ${info.join(" ") || "no language"}`)).toEqual([]);
    // What has no types to be checked is a test file for Jest, where plain JavaScript is what many write.
    const plain = all.filter((block) => block.file === file && block.language === "js");
    expect(plain.filter(({ kind }) => kind !== "test" && kind !== "foreign").map(({ name }) => name)).toEqual([]);
    const marked = fencesOf(file).filter(({ info }) => info.length > 1);
    const strange = marked.filter(({ info }) => !/^ts (?:fragment|part)$/.test(info.join(" ")));
    expect(strange.map(({ line, info }) => `${file}:${line}: ${info.join(" ")}`)).toEqual([]);
  });

  test("names only npm scripts that exist, and JSON that is JSON", () => {
    const { scripts } = JSON.parse(readText("package.json")) as { scripts: Record<string, string> };
    const named = [...readText(file).matchAll(/npm run ([\w:]+)/g)].map((match) => match[1]!);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
    for (const { info, code } of fencesOf(file)) if (info[0] === "json") JSON.parse(code);
  });

  test("links to what is there", () => {
    const links = proseOf(file).flatMap((text, i) =>
      [...text.replaceAll(/`[^`]*`/g, "").matchAll(/\]\(([^)\s]+)\)/g)].map((match) => [i + 1, match[1]!] as const),
    );
    const broken = links.filter(([, link]) => !/^[a-z]+:/.test(link) && !isThere(file, link));
    expect(broken.map(([line, link]) => `${file}:${line}: ${link}`)).toEqual([]);
  });
});

function isThere(file: string, link: string): boolean {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? file : posix.join(posix.dirname(file), decodeURIComponent(path));
  if (!existsSync(join(ROOT, target))) return false;
  return anchor === undefined || (target.endsWith(".md") && anchorsOf(target).includes(anchor));
}

test("the README begins with a Jest test", () => {
  const first = all.find((block) => block.file === "README.md");
  expect(first).toMatchObject({ kind: "test" });
});

test("docs/errors.md has a heading for each error code, and none besides", () => {
  const codes = [...readText("lib/errors.ts").matchAll(/\| "(ERR_\w+)"/g)].map((match) => match[1]!);
  expect(codes).toContain("ERR_SERVER_CLOSED");
  const titles = headingsOf("docs/errors.md").map(({ title }) => title.replaceAll("`", ""));
  expect(titles.filter((title) => title.startsWith("ERR_")).sort()).toEqual(codes.sort());
});

/** A part of the public API, with what its docstring must have. */
interface Part {
  readonly name: string;
  readonly doc: Doc | undefined;
  readonly parameters: readonly string[];
  readonly needs: readonly string[];
}

/** Every exported symbol of both entries, and every public member of the classes and interfaces among them. */
function partsOf({ program }: Checked): Part[] {
  const declarations = ["lib/index.ts", "lib/testing/index.ts"].flatMap((name) => [...exportsOf(program, name)]);
  return declarations.flatMap(([name, nodes]) => {
    const members = new Map<string, ts.Declaration[]>();
    const all = nodes.flatMap((node) => ("members" in node ? [...(node as ts.ClassDeclaration).members] : []));
    for (const member of all) {
      if (ts.isClassStaticBlockDeclaration(member)) continue;
      const title = ts.isConstructorDeclaration(member) ? "constructor" : (member.name ?? member).getText();
      const isPublic = !title.startsWith("#") && docOf(member)?.internal !== true;
      if (isPublic) members.set(title, [...(members.get(title) ?? []), member]);
    }
    return [toPart(name, nodes), ...Array.from(members, ([title, same]) => toPart(`${name}.${title}`, same))];
  });
}

/** The declarations of one name: a function or method may have several, of which the first has the docstring. */
function toPart(name: string, nodes: readonly ts.Declaration[]): Part {
  const [first] = nodes;
  const signatures = nodes.filter(ts.isFunctionLike);
  const isSmall = !(ts.isFunctionDeclaration(first!) || ts.isMethodDeclaration(first!)) || name.includes("[");
  const needs = !isSmall || ts.isClassDeclaration(first!) ? ["example"] : [];
  if (!isSmall && signatures[0]!.type?.getText().startsWith("Promise<") === true) needs.push("returns");
  const lists = signatures
    .filter((node, _i, { length }) => length === 1 || !("body" in node) || node.body === undefined)
    .map((node) => node.parameters.map((parameter) => parameter.name.getText().replace(/^\{.*\}$/s, "options")));
  const longest = lists.reduce((a, b) => (b.length > a.length ? b : a), []);
  return { name, doc: docOf(first!), parameters: [...new Set([...longest, ...lists.flat()])], needs };
}

const TAGS = ["param", "returns", "throws", "example", "see"];

describe("the docstring of", () => {
  const parts = partsOf(compiled);

  test.each(parts.map((part) => [part.name, part] as const))("%s", (_name, { doc, parameters, needs }) => {
    // One sentence that says what it does.
    expect(doc?.text).toMatch(/^[A-Z`{*0-9][^]*?[.:]/);
    const names = doc!.tags.map((tag) => tag.name);
    expect(names).toEqual([...names].sort((a, b) => TAGS.indexOf(a) - TAGS.indexOf(b)));
    expect(names.filter((name) => !TAGS.includes(name))).toEqual([]);
    // A class may leave the example to the function that makes it.
    const elsewhere = doc!.tags.some(({ name, text }) => name === "see" && text.startsWith("{@link"));
    expect(needs.filter((name) => !names.includes(name) && !(name === "example" && elsewhere))).toEqual([]);
    const named = doc!.tags.flatMap(({ name, text }) => (name === "param" ? (/^\w+/.exec(text)?.[0] ?? "") : []));
    const known = parameters.filter((parameter) => named.includes(parameter));
    expect(named).toEqual(known);
  });

  test("every example asserts something", () => {
    const silent = all.filter(({ file, code }) => file.startsWith("lib/") && !/\bassert\b/.test(code));
    expect(silent.map(({ name }) => name)).toEqual([]);
  });
});
