import { caseNamed } from "./cases.js";
import { chart } from "./chart.js";
import { insert, insertOverview, overview, readTables, sentence, table } from "./report.js";

const exactly = (median: number) => ({ low: median, median, high: median });
const serve = {
  one: caseNamed("get-serve"),
  costs: { library: exactly(10), bare: exactly(9), control: exactly(9), other: exactly(12) },
  control: { low: 0.99, median: 1, high: 1.01 },
  toBare: { low: 0.88, median: 0.9, high: 0.92 },
  speed: exactly(0.95),
  memory: exactly(1.04),
};
const load = { one: caseNamed("load"), costs: { library: exactly(14_200), bare: exactly(2100) } };

test("a case in a sentence", () => {
  expect(sentence(serve)).toBe(
    "get-serve: 0.90 of bare node:http (0.88–0.92), 1.00 µs more CPU time a request: slower.\n" +
      "  bare against itself: 0.99–1.01.",
  );
});

test("a noisy machine is said to be one", () => {
  const text = sentence({ ...serve, control: { low: 0.85, median: 1, high: 1.2 } });
  expect(text).toContain("no difference that this run could show");
  expect(text).toContain("bare against itself: 0.85–1.20. The machine is too noisy for small differences");
});

test("another revision is told beside bare", () => {
  const text = sentence({ ...serve, toOther: { low: 1.18, median: 1.2, high: 1.22 } }, "HEAD~1");
  expect(text).toContain("\n  against HEAD~1: 1.20 of it (1.18–1.22), 2.00 µs less CPU time a request: faster.\n");
});

test("what has no ratio to bare is told by itself", () => {
  expect(sentence(load)).toBe("load: 14.2 ms of CPU time a load (14.2 ms to 14.2 ms); bare node:http 2.10 ms.");
});

test("memory is lighter or heavier, not faster or slower", () => {
  const costs = { library: exactly(4096), bare: exactly(2048), control: exactly(2048) };
  const held = { ...serve, one: caseNamed("held-idle"), costs, toBare: exactly(0.5) };
  expect(sentence(held)).toContain("0.50 of bare node:http (0.50–0.50), 2.00 KiB more memory a client: heavier.");
});

test("a table takes the place of that of the same Node; chart and overview show every Node", () => {
  const empty = "before\n<!-- tables start -->\n<!-- tables end -->\nafter\n";
  const first = insert(empty, "26", table([serve], "26.0.0"));
  const both = insert(first, "24", table([serve, load], "24.1.0"));
  const again = insert(both, "24", table([{ ...serve, toBare: exactly(1.25) }], "24.2.0"));
  expect(again.match(/^### Node .*$/gm)).toEqual(["### Node 26.0.0", "### Node 24.2.0"]);
  expect(again).toMatch(/^before\n[^]*\nafter\n$/);
  const sections = readTables(again);
  const picture = chart(sections);
  expect(picture.match(/>Node [\d.]+|>Hello World[^<]*/g)).toEqual([
    ">Node 24.2.0",
    ">Node 26.0.0",
    ">Hello World by serve, 64 connections",
  ]);
  // In the row, the dots of the two Nodes lie on both sides of bare.
  const bare = Number(/class="one" d="M(\d+)/.exec(picture)![1]);
  const dots = [...picture.matchAll(/<g class="(n\d)">\n.*\n<circle cx="(\d+)"/g)];
  expect(dots.map(([, node, x]) => [node, Math.sign(Number(x) - bare)])).toEqual([
    ["n2", 1],
    ["n3", -1],
  ]);
  const page = "before\n<!-- overview -->\nold\n<!-- /overview -->\nafter\n";
  expect(insertOverview(page, overview(sections))).toBe(`before
<!-- overview -->

|  | Node 24.2.0 | Node 26.0.0 |
| --- | --- | --- |
| Hello World by \`serve\`, 64 connections | 1.25 (1.25–1.25) | 0.90 (0.88–0.92) |

<!-- /overview -->
after
`);
});
