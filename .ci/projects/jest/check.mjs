// Jest suites as a user writes them, against the installed tarball.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { CHECKOUT, nodes, run } from "../harness.mjs";
import { writeMatrix } from "./matrix.mjs";
import { writeParallel } from "./parallel.mjs";

// What Jest says when something outlives the tests.
const leftovers = /open handles?|did not exit|failed to exit gracefully|force exited|Cannot log after tests/i;

// undici's requests cannot say that they keep nothing alive, so that Jest lists some that are over, where time is faked.
const undiciOnly = /Jest has detected the following \d+ open handles?.*\n(?:\s*●\s+UNDICI_REQUEST\n(?:(?!.*●).*\n)*)+/;

/** Runs Jest to its end and gives back what it printed and its own report. */
async function jest(args, { node = process.execPath, flags = [], timeout = 600_000 } = {}) {
  const result = await run(
    node,
    [...flags, "node_modules/jest/bin/jest.js", "--ci", "--json", "--outputFile=report.json", ...args],
    { timeout, env: { NODE_OPTIONS: "" } },
  );
  assert.ok(!result.timedOut, `Jest did not end within ${timeout} ms\n${result.output}`);
  return { ...result, report: JSON.parse(readFileSync("report.json", "utf8")) };
}

/** A Jest run in which every test has to pass and nothing may be left over. */
function passes(name, args, { forbidden = leftovers, ...options } = {}) {
  return test(name, async () => {
    const { code, output, report, ms } = await jest(args, options);
    console.log(`# ${report.numPassedTests} tests passed in ${(ms / 1000).toFixed(1)} s`);
    assert.equal(code, 0, output);
    assert.doesNotMatch(output.replace(undiciOnly, ""), forbidden);
    assert.ok(report.numPassedTests > 0, output);
  });
}

/** Jest runs what it is given here, not every test file of the folder. */
function configFor(folder, config = {}) {
  writeFileSync(`${folder}.config.json`, JSON.stringify({ rootDir: folder, ...config }));
  return ["--config", `${folder}.config.json`];
}

mkdirSync("matrix");
const matrices = [
  { name: "CommonJS and ts-jest, no flag", modules: ["commonjs", "ts-jest"], flags: [] },
  { name: "ES modules", modules: ["esm"], flags: ["--experimental-vm-modules", "--no-warnings"] },
];
for (const { name, modules, flags } of matrices) {
  const config = `matrix.${modules[0]}.json`;
  writeFileSync(config, JSON.stringify(writeMatrix(`${process.cwd()}/matrix`, modules)));
  for (const node of nodes) {
    await passes(`${node.name}: ${name}`, ["--config", config, "--detectOpenHandles"], { node: node.bin, flags });
  }
}

// The first program of the README, as it stands there.
await test("README: the first example is a complete Jest test", async () => {
  const readme = readFileSync(`${CHECKOUT}/README.md`, "utf8");
  const [, language, code] = /^```(js|ts)\n([\s\S]*?)^```$/m.exec(readme);
  mkdirSync("readme");
  writeFileSync(`readme/readme.test.${language}`, code);
  writeFileSync(
    "readme/tsconfig.json",
    JSON.stringify({
      compilerOptions: { target: "es2022", module: "nodenext", strict: true, types: ["node", "jest"] },
    }),
  );
  const config = configFor("readme", { transform: { "\\.ts$": ["ts-jest", { tsconfig: "<rootDir>/tsconfig.json" }] } });
  const { code: exit, output, report } = await jest([...config, "--detectOpenHandles"]);
  assert.equal(exit, 0, output);
  assert.ok(report.numPassedTests > 0, output);
  assert.doesNotMatch(output, leftovers);
});

// An assertion that fails inside a handler: the test fails, and the output shows the handler's own line and diff.
for (const file of readdirSync("failing")) {
  await test(`failing/${file} fails with the handler's own diff`, async () => {
    const { code, output, report } = await jest([...configFor("failing"), `failing/${file}`], { timeout: 60_000 });
    assert.equal(code, 1, output);
    assert.equal(report.numFailedTests, 1, output);
    const [message] = report.testResults[0].assertionResults[0].failureMessages;
    const plain = message.replaceAll(/\u001b\[\d+m/g, "");
    assert.match(plain, /expect\(received\)\.toBe\(expected\)/);
    assert.match(plain, /Expected: "\/expected"\s+Received: "\/arrived"/);
    // The code frame has colours where CI is set, whatever Jest is told.
    const frame = />\s*\d+ \|\s+expect\(request\.url\.path\)\.toBe\("\/expected"\);/;
    assert.match(stripVTControlCharacters(output), frame);
    assert.doesNotMatch(output, leftovers);
  });
}

// A server that a test never closes, alone in Jest's own process and among others in workers.
for (const file of readdirSync("forgotten")) {
  await test(`forgotten/${file} does not keep Jest alive`, async () => {
    const { code, output } = await jest([...configFor("forgotten"), "--runInBand", `forgotten/${file}`], {
      timeout: 30_000,
    });
    assert.equal(code, 0, output);
    assert.doesNotMatch(output, leftovers);
  });
}
await passes("forgotten servers in workers", [...configFor("forgotten"), "--maxWorkers=2"], { timeout: 60_000 });

writeParallel("parallel", 200);
// Eight workers on two cores are slow to start, to run and to end; what must not happen is a clash or a reset.
const patient = configFor("parallel", { testTimeout: 60_000 });
await passes("200 test files in 8 parallel workers", [...patient, "--maxWorkers=8"], {
  forbidden: /ECONNRESET|EADDRINUSE|did not exit/,
});
