// The package ws on this server, with ws itself and undici's WebSocket as clients, on every Node.
import { cpSync } from "node:fs";
import { test } from "node:test";
import { CHECKOUT, nodes, succeed } from "../harness.mjs";

await test("docs/examples/web-socket.ts compiles against the package", async () => {
  cpSync(`${CHECKOUT}/docs/examples/web-socket.ts`, "web-socket.ts");
  const options = ["--strict", "--target", "es2022", "--module", "nodenext", "--types", "node", "--noEmitOnError"];
  await succeed(process.execPath, ["node_modules/typescript/bin/tsc", ...options, "web-socket.ts"]);
});

for (const { name, bin } of nodes) {
  await test(`WebSockets on ${name}`, async () => {
    console.log(await succeed(bin, ["--test-reporter", "spec", "peers.mjs"], { timeout: 60_000 }));
  });
}
