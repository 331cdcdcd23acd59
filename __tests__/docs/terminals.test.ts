import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fencesOf, readText, ROOT, type Fence } from "../helpers/docs-files";
import { failuresOf, plainText, terminalSvg } from "../helpers/docs-terminal";

/** A test of a document, what makes it fail, and where the document shows what Jest prints then. */
interface Shown {
  readonly document: string;
  /** The file name under which the reader sees it fail. */
  readonly file: string;
  /** A text that only this block of the document has. */
  readonly has: string;
  /** The mistake in the code under test. */
  readonly mistake: readonly [right: string, wrong: string];
  /** The picture of it; without one, the next block of text in the document. */
  readonly picture?: string;
}

const rows: readonly Shown[] = [
  {
    document: "README.md",
    file: "login.test.js",
    has: "async function login",
    mistake: ["JSON.stringify({ user })", "JSON.stringify({ name: user })"],
  },
  {
    document: "docs/testing-with-jest.md",
    file: "order.test.js",
    has: "async function order",
    mistake: ["`${url}/orders`", "`${url}/order`"],
  },
  {
    document: "docs/testing-with-jest.md",
    file: "order.test.js",
    has: "async function order",
    mistake: ["`${url}/orders`", "`${url}/order`"],
    picture: "docs/failing-wait.svg",
  },
];

/** `UPDATE_DOCS=1 npx jest terminals` writes anew what the documents show. */
const UPDATE = process.env.UPDATE_DOCS === "1";

let printed: Map<string, string>;
beforeAll(async () => {
  printed = await failuresOf(new Map(rows.map((row) => [row.file, brokenTestOf(row)])));
}, 60_000);

test.each(rows)("$document shows what Jest prints of $file with a mistake", ({ document, file, has, picture }) => {
  const text = printed.get(file)!;
  if (picture !== undefined) {
    const svg = terminalSvg("What Jest prints when the request that a test waits for never comes", text);
    if (UPDATE) writeFileSync(join(ROOT, picture), svg);
    expect(readText(picture)).toBe(svg);
    expect(svg.length).toBeLessThan(8_000);
    return;
  }
  const block = shownAfter(document, has);
  if (UPDATE)
    writeFileSync(
      join(ROOT, document),
      readText(document).replace(block.code, () => plainText(text)),
    );
  expect(shownAfter(document, has).code).toBe(plainText(text));
});

function brokenTestOf({ document, has, mistake: [right, wrong] }: Shown): string {
  const { code } = fencesOf(document).find((fence) => fence.code.includes(has))!;
  expect(code.split(right)).toHaveLength(2);
  return code.replace(right, () => wrong);
}

/** The first block of text behind that with the test. */
function shownAfter(document: string, has: string): Fence {
  const fences = fencesOf(document);
  return fences.slice(fences.findIndex(({ code }) => code.includes(has))).find(({ info }) => info[0] === "text")!;
}
