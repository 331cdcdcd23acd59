import * as ts from "typescript";
import { documents, fencesOf, filesBelow, readText, type Fence } from "./docs-files";

/**
 * How a block of code is tried:
 *
 * - `module`: an ES module that runs to its end and leaves no server behind
 * - `program`: it listens on a fixed port for ever; it must answer a GET
 * - `test`: a test file of Jest
 * - `test body`: what stands in a test of Jest
 * - `fragment`: its types are checked, with `server` and `request` at hand
 * - `foreign`: for another test environment than is installed here
 */
export type BlockKind = "module" | "program" | "test" | "test body" | "fragment" | "foreign";

/** A block of code in a document or in the docstring of a source file. */
export interface Block {
  /** Such as `docs/guide.md:12`. */
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly language: "ts" | "js";
  readonly kind: BlockKind;
  readonly code: string;
}

/** Every block that a reader may copy. In a document, a fragment is marked `ts fragment`, one of several `ts part`. */
export function blocks(): Block[] {
  return [...documents().flatMap(blocksOfDocument), ...filesBelow("lib", ".ts").flatMap(blocksOfSource)];
}

/** The blocks of a document; those that are marked as parts make one program together. */
export function blocksOfDocument(file: string): Block[] {
  const fences = fencesOf(file).filter(({ info }) => info[0] === "ts" || info[0] === "js");
  const parts = fences.filter(({ info }) => info[1] === "part");
  const blocks = fences
    .filter((fence) => !parts.includes(fence))
    .map(({ line, info, code }) => toBlock(file, line, code, info[0] as "ts" | "js", info[1] === "fragment"));
  return parts.length === 0 ? blocks : [...blocks, toBlock(file, parts[0]!.line, joined(parts))];
}

/** Each part stays on its own lines. */
function joined(parts: readonly Fence[]): string {
  const first = parts[0]!.line;
  return parts.reduce((text, { line, code }) => {
    const lines = text.split("\n").length - 1;
    return `${text}${"\n".repeat(line - first - lines)}${code}`;
  }, "");
}

function blocksOfSource(file: string): Block[] {
  const text = readText(file);
  return [...text.matchAll(/^[ \t]*\* @example\n((?:[ \t]*\*(?! @|\/).*\n)*)/gm)].map((match) => {
    const code = match[1]!.replaceAll(/^[ \t]*\* ?/gm, "").trimEnd();
    return toBlock(file, text.slice(0, match.index).split("\n").length + 1, code);
  });
}

function toBlock(
  file: string,
  line: number,
  code: string,
  language: Block["language"] = "ts",
  fragment = false,
): Block {
  return { name: `${file}:${line}`, file, line, language, kind: fragment ? "fragment" : kindOf(code), code };
}

function kindOf(code: string): BlockKind {
  if (code.includes("@jest-environment ")) return "foreign";
  if (/^(?:test|it|describe|beforeEach|afterEach|beforeAll|afterAll)\b/m.test(code)) return "test";
  if (/\bexpect\(|\bjest\./.test(code)) return "test body";
  // A fixed port, or one that is taken from the environment: nobody closes such a server.
  return /\b(?:listen|serve)\(\s*(?:[1-9]|port\b|Number\()/.test(code) ? "program" : "module";
}

/** A docstring: its text before the tags, and its tags in order. */
export interface Doc {
  readonly text: string;
  readonly tags: readonly { readonly name: string; readonly text: string }[];
  readonly internal: boolean;
}

/** The docstring above a declaration, if there is one; that of a constant stands above its statement. */
export function docOf(declaration: ts.Declaration): Doc | undefined {
  const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  const above = node.getFullText().slice(0, node.getLeadingTriviaWidth());
  const comment = /\/\*\*((?:(?!\*\/)[^])*)\*\/\s*$/.exec(above)?.[1];
  if (comment === undefined) return undefined;
  const lines = comment.replaceAll(/^[ \t]*\* ?/gm, "").replaceAll("@internal", "");
  const [text = "", ...tags] = lines.split(/^[ \t]*@(?=[a-z])/m);
  return {
    text: text.trim(),
    tags: tags.map((tag) => ({ name: /^[a-z]+/.exec(tag)![0], text: tag.replace(/^[a-z]+\s*/, "").trim() })),
    internal: comment.includes("@internal"),
  };
}
