"use strict";
// The benchmark: this library against bare node:http, each in a process of its own, driven in turn.
//
//   npm run bench -- get-serve                     one case, about ten seconds
//   npm run bench                                  all cases
//   npm run bench -- --seconds=60 get-serve        longer, steadier
//   npm run bench -- --against=HEAD~1 get-serve    beside another revision
//   npm run bench -- --save                        into README.md and benchmark.svg here, and docs/benchmark.md
//
// Another version of Node is measured by running this file with it. Sentences and table go to stdout, progress to stderr.

const { readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { cases, caseNamed } = require("./cases.js");
const { chart } = require("./chart.js");
const { measure } = require("./measure.js");
const { readOptions } = require("./options.js");
const { insert, insertOverview, overview, readTables, sentence, table } = require("./report.js");
const { buildRevision } = require("./revision.js");

const TABLES = join(__dirname, "README.md");
const PAGE = join(__dirname, "../../docs/benchmark.md");
const CHART = join(__dirname, "benchmark.svg");

/** @param {string} text */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** @param {string} text the table */
function save(text) {
  const tables = insert(readFileSync(TABLES, "utf8"), process.versions.node.split(".")[0], text);
  writeFileSync(TABLES, tables);
  const sections = readTables(tables);
  writeFileSync(PAGE, insertOverview(readFileSync(PAGE, "utf8"), overview(sections)));
  writeFileSync(CHART, chart(sections));
}

async function main() {
  const known = cases.map(({ name }) => name);
  const { names, seconds, against, save: saving } = readOptions(process.argv.slice(2), known);
  progress(against === undefined ? "" : `building ${against}`);
  const other = against === undefined ? undefined : await buildRevision(against);
  const results = [];
  for (const name of names) {
    const result = await measure(caseNamed(name), other, seconds, (set) =>
      progress(`${name}: set ${set} of processes`),
    );
    progress("");
    console.log(sentence(result, against));
    results.push(result);
  }
  const text = table(results, process.versions.node, against);
  if (results.length > 1 || saving) console.log(`\n${text}`);
  if (saving) save(text);
}

// Ending by `exit` lets the scratch folder of another revision be removed.
for (const [signal, number] of /** @type {const} */ ([
  ["SIGINT", 2],
  ["SIGTERM", 15],
  ["SIGHUP", 1],
]))
  process.on(signal, () => process.exit(128 + number));

main().catch((error) => {
  progress("");
  console.error(`bench: ${error.message}`);
  // The processes that it leaves would keep this one.
  process.exit(1);
});
