// What other runtimes do with the main jobs: each runs the battery, and the process ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import { nodes, succeed } from "../harness.mjs";

const runtimes = {
  ...Object.fromEntries(nodes.map(({ name, bin }) => [`Node ${name}`, [bin]])),
  Bun: ["node_modules/.bin/bun"],
  Deno: ["node_modules/.bin/deno", "run", "--allow-all"],
  "Deno, with the network and nothing else": ["node_modules/.bin/deno", "run", "--no-prompt", "--allow-net"],
};

for (const [name, [command, ...args]] of Object.entries(runtimes)) {
  await test(name, async () => {
    assert.match(await succeed(command, [...args, "battery.mjs"], { timeout: 60_000 }), /^served$/m);
  });
}
