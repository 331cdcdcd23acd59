// What other runtimes do with the main job: listen, GET, POST of 1 KiB of JSON, close, and the process ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import { nodes, succeed } from "../harness.mjs";

const runtimes = {
  ...Object.fromEntries(nodes.map(({ name, bin }) => [`Node ${name}`, [bin]])),
  Bun: ["node_modules/.bin/bun"],
  Deno: ["node_modules/.bin/deno", "run", "--allow-all"],
};

for (const [name, [command, ...args]] of Object.entries(runtimes)) {
  await test(name, async () => {
    assert.match(await succeed(command, [...args, "main.mjs"], { timeout: 30_000 }), /^served$/m);
  });
}
