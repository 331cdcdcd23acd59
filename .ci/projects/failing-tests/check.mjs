// Tests that fail, each in a Jest of its own: what a person sees first, how long it takes, and that no neighbour fails.
//
// Each file of cases/ ends with the output that it has to have, from the first line on: without the code around the line at
// fault. "…" stands for any lines, and for any text within one. A file may also say `Deadline:`, what it takes by itself in
// milliseconds; `Node:`, the oldest that knows its syntax; `Jest:`, what it needs in Jest's configuration.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { nodes, run } from "../harness.mjs";

/** What no failing test may do: keep Jest alive, end it, or say nothing. */
const forbidden =
  /did not exit|open handles?|force exited|failed to exit|Cannot log after|unhandled|Request \{\}|ReferenceError/i;
/** Milliseconds after its deadline in which a test file, with all of Jest, has to be over. */
const PATIENCE = 2_000;

const cases = readdirSync("cases").map((file) => {
  const source = readFileSync(`cases/${file}`, "utf8");
  const setting = (name) => new RegExp(`^// ${name}: (.*)$`, "m").exec(source)?.[1];
  const [, output = ""] = source.split("\n// Output:\n");
  return {
    file,
    deadline: Number(setting("Deadline") ?? 0),
    since: Number(setting("Node") ?? 0),
    config: JSON.parse(setting("Jest") ?? "{}"),
    expected: output
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/^\/\/ ?/, "").trim()),
  };
});

/** The lines that a person reads, without colours and ports. */
function linesOf(output) {
  return stripVTControlCharacters(output)
    .replace(/^[^]*?(?=●|asynchttpserver: )/, "")
    .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
    .split("\n")
    .map((line) => line.trim().replaceAll(/\s+/g, " "))
    .filter((line) => line !== "" && !/^\d* ?\|/.test(line));
}

/** Is this the first frame of a failure? */
function isFirstFrame(line, i, lines) {
  if (!line.startsWith("at ")) return false;
  const before = lines.slice(0, i);
  return before.findLastIndex((each) => each.startsWith("at ")) < before.findLastIndex((each) => each.startsWith("●"));
}

/** Says which expected line is missing; undefined where all have come in order. */
function missing(lines, expected) {
  let at = 0;
  let skip = false;
  for (const line of expected) {
    if (line === "…") {
      skip = true;
      continue;
    }
    const parts = line.replaceAll(/\s+/g, " ").split("…");
    const pattern = new RegExp(`^${parts.map((part) => part.replaceAll(/[^\w\s]/g, "\\$&")).join(".*")}$`);
    const found = skip
      ? lines.findIndex((each, i) => i >= at && pattern.test(each))
      : pattern.test(lines[at])
        ? at
        : -1;
    if (found < 0) return line;
    at = found + 1;
    skip = false;
  }
  return undefined;
}

async function jest(row, node, colours, again = true) {
  const { file, deadline, config, expected } = row;
  const name = `${colours ? "colours" : "plain"}-${file}`;
  writeFileSync(`run/${name}.config.json`, JSON.stringify({ rootDir: "..", transform: {}, ...config }));
  const args = ["--ci", "--config", `run/${name}.config.json`, "--json", "--outputFile", `run/${name}.json`];
  const env = { NODE_OPTIONS: "", FORCE_COLOR: colours ? "1" : undefined, NO_COLOR: colours ? undefined : "1" };
  const { code, output, timedOut } = await run(
    node.bin,
    ["node_modules/jest/bin/jest.js", ...args, "--runInBand", "--runTestsByPath", `cases/${file}`, "neighbour.test.js"],
    { env, timeout: 60_000 },
  );
  const ended = Date.now();
  assert.ok(!timedOut, `Jest did not end\n${output}`);
  assert.equal(code, 1, output);
  assert.doesNotMatch(output, forbidden);
  const lines = linesOf(output);
  for (const frame of lines.filter(isFirstFrame)) assert.doesNotMatch(frame, /asynchttpserver/, output);
  assert.equal(missing(lines, expected), undefined, `a line is missing\n${output}`);
  assert.match(output, /FAIL[^]*PASS.*neighbour\.test\.js/, "the neighbour has to run last, and to pass");
  const { testResults } = JSON.parse(readFileSync(`run/${name}.json`, "utf8"));
  const ms = ended - Math.min(...testResults.map(({ startTime }) => startTime));
  // On a machine that is busy with other things a run may be late, but hardly twice.
  if (ms >= deadline + PATIENCE && again) return jest(row, node, colours, false);
  assert.ok(ms < deadline + PATIENCE, `it took ${ms} ms\n${output}`);
  return `${file.padEnd(50)} ${String(ms).padStart(5)} ms, exit code ${code}`;
}

mkdirSync("run", { recursive: true });
await test("failing tests", { concurrency: availableParallelism() }, async (t) => {
  const rows = [];
  const runs = cases.flatMap((each, i) => {
    const able = nodes.filter(({ name }) => parseInt(name.slice(1)) >= each.since);
    // Every case in both ways, every Node with many of them.
    return [false, true].map((colours) => ({ each, colours, node: able[(i + Number(colours)) % able.length] }));
  });
  await Promise.all(
    runs.map(
      ({ each, colours, node }) =>
        node &&
        t.test(`${each.file} ${colours ? "with colours" : "plain"} on ${node.name}`, async () => {
          rows.push(await jest(each, node, colours));
        }),
    ),
  );
  console.log(rows.sort().join("\n"));
});
