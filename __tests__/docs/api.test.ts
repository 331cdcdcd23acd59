import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { headingsOf, readText, ROOT } from "../helpers/docs-files";
import { publicNames } from "../helpers/docs-public-api";

/** The checked-in list; `UPDATE_API=1 npx jest api` writes it anew. */
const LIST = "__tests__/fixtures/public-api.txt";

const [main, testing] = publicNames("lib/index.ts", "lib/testing/index.ts");
const entries = [
  ["asynchttpserver", main!],
  ["asynchttpserver/testing", testing!],
] as const;

test("the public API is the one that is checked in", () => {
  const parts = entries.map(([entry, names]) => `# ${entry}\n\n${names.map(({ text }) => text).join("\n")}\n`);
  const list = parts.join("\n");
  if (process.env.UPDATE_API === "1") writeFileSync(join(ROOT, LIST), list);
  expect(list).toBe(readText(LIST));
});

test.each(entries)("docs/api.md has every name of %s, and every member", (_entry, names) => {
  const missing = names.flatMap(({ name, members }) => {
    if (members.length === 0) return asCode(name).test(readText("docs/api.md")) ? [] : [name];
    const section = sectionOn(name);
    if (section === undefined) return [name];
    return members.filter((member) => !asCode(member).test(section)).map((member) => `${name}.${member}`);
  });
  expect(missing).toEqual([]);
});

/** A name in backticks, alone or with what is called on it, given to it or set beside it. */
function asCode(name: string): RegExp {
  const escaped = name.replaceAll(/[[\].]/g, "\\$&");
  return new RegExp(`\`(?:[^\`]*[^\`\\w])?${escaped}(?!\\w)[^\`]*\``);
}

/** What stands below the heading of a name, up to the next heading that is not below it. */
function sectionOn(name: string): string | undefined {
  const headings = headingsOf("docs/api.md");
  const heading = headings.find(({ title }) => asCode(name).test(title));
  if (heading === undefined) return undefined;
  const end = headings.find(({ level, line }) => line > heading.line && level <= heading.level)?.line ?? Infinity;
  return readText("docs/api.md")
    .split("\n")
    .slice(heading.line, end - 1)
    .join("\n");
}
