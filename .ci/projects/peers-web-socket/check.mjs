// The package ws on this server, with ws itself and undici's WebSocket as clients, on every Node.
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { check, CHECKOUT, count, nodes, run, succeed } from "../harness.mjs";

await check("docs/examples/web-socket.ts compiles against the package", async () => {
  cpSync(`${CHECKOUT}/docs/examples/web-socket.ts`, "web-socket.ts");
  const options = ["--strict", "--target", "es2022", "--module", "nodenext", "--types", "node", "--noEmitOnError"];
  await succeed(process.execPath, ["node_modules/typescript/bin/tsc", ...options, "web-socket.ts"]);
});

// Every line that a run prints is a check of its own.
for (const { name, bin } of nodes) {
  const { code, output } = await run(bin, ["peers.mjs"], { timeout: 60_000 });
  console.log(output.trimEnd().replaceAll(/^((?:not )?ok - )/gm, `$1${name}: `));
  const passed = output.match(/^ok - /gm)?.length ?? 0;
  const failed = output.match(/^not ok - /gm)?.length ?? 0;
  count(passed, failed);
  await check(`${name}: the run ended well`, async () => {
    assert.equal(code, 0, output);
    assert.equal(failed, 0);
    assert.ok(passed > 0);
  });
}
