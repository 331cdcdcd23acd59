import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";

/** The checkout. */
export const ROOT = join(__dirname, "../..");

/** A file of the checkout, named with slashes from its top. */
export function readText(name: string): string {
  return readFileSync(join(ROOT, name), "utf8");
}

/** All files below a directory of the checkout whose names end so, in order; with slashes from the checkout's top. */
export function filesBelow(directory: string, suffix: string): string[] {
  return readdirSync(join(ROOT, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)).replaceAll(sep, "/"))
    .sort();
}

/** The documents that the gates hold. */
export function documents(): string[] {
  const top = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].filter((name) => existsSync(join(ROOT, name)));
  return [...top, ...filesBelow("docs", ".md")];
}

/** A fenced code block of a document. */
export interface Fence {
  readonly file: string;
  /** The line of its first line of code, from 1. */
  readonly line: number;
  /** The words behind the opening fence. */
  readonly info: readonly string[];
  readonly code: string;
}

/** The fenced code blocks of a document, in order. */
export function fencesOf(file: string): Fence[] {
  const fences: Fence[] = [];
  const lines = readText(file).split(/\r?\n/);
  for (let i = 0; i < lines.length; i++) {
    const [, indent, fence, info] = /^(\s*)(`{3,}|~{3,})\s*(.*)$/.exec(lines[i]!) ?? [];
    if (fence === undefined) continue;
    const start = i + 1;
    while (++i < lines.length && lines[i]!.trim() !== fence);
    const code = lines.slice(start, i).map((line) => (line.startsWith(indent!) ? line.slice(indent!.length) : line));
    fences.push({ file, line: start + 1, info: info!.split(/\s+/).filter(Boolean), code: code.join("\n") });
  }
  return fences;
}

/** A document without its code blocks, line for line. */
export function proseOf(file: string): string[] {
  let fence: string | undefined;
  return readText(file)
    .split(/\r?\n/)
    .map((line) => {
      const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1];
      if (mark !== undefined) {
        if (fence === undefined) fence = mark;
        else if (line.trim() === fence) fence = undefined;
        return "";
      }
      return fence === undefined ? line : "";
    });
}

/** The anchors that GitHub gives the headings of a document. */
export function anchorsOf(file: string): string[] {
  const seen = new Map<string, number>();
  return headingsOf(file).map(({ title }) => {
    const text = title.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const slug = text.replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, "").replaceAll(" ", "-");
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    return times === 0 ? slug : `${slug}-${times}`;
  });
}

/** The headings of a document, without their marks. */
export function headingsOf(file: string): { level: number; title: string; line: number }[] {
  return proseOf(file).flatMap((text, i) => {
    const [, marks, title] = /^(#{1,6})\s+(.*?)\s*#*$/.exec(text) ?? [];
    return marks === undefined ? [] : [{ level: marks.length, title: title!, line: i + 1 }];
  });
}
