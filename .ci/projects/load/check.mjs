// The installed package itself: what is in it, and that it loads alike from CommonJS and from ES modules.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { check, nodes, run, succeed } from "../harness.mjs";

const root = join(process.cwd(), "node_modules/asynchttpserver");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const files = readdirSync(root, { recursive: true })
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => statSync(join(root, name)).isFile());

await check("installs at most 60 KB", () => {
  const sizes = files.map((name) => [statSync(join(root, name)).size, name]);
  const total = sizes.reduce((sum, [size]) => sum + size, 0);
  console.log(`# ${total} bytes installed in ${files.length} files`);
  const table = sizes.sort((a, b) => b[0] - a[0]).map(([size, name]) => `${size} ${name}`);
  assert.ok(total <= 60_000, `${total} bytes\n${table.join("\n")}`);
});

await check("brings the build and what npm always adds, nothing else", () => {
  const others = files.filter((name) => !/^dist\/.*\.(js|mjs|d\.ts|d\.mts)$/.test(name));
  assert.deepEqual(others.sort(), ["LICENSE", "README.md", "package.json"]);
  for (const name of files.filter((file) => /\.m?js$/.test(file))) {
    assert.doesNotMatch(readFileSync(join(root, name), "utf8"), /\/\*\*|sourceMappingURL/, name);
  }
});

await check("installs no other package and runs no script on the user's machine", () => {
  for (const kind of ["dependencies", "peerDependencies", "optionalDependencies"]) {
    assert.equal(manifest[kind], undefined, kind);
  }
  for (const script of ["preinstall", "install", "postinstall"]) {
    assert.equal(manifest.scripts[script], undefined, script);
  }
  assert.deepEqual(readdirSync(join(root, "..")).filter((name) => !name.startsWith(".")), ["asynchttpserver"]);
});

// The lexer by which `import` finds the names of a CommonJS module differs from Node to Node.
const compare = (entry) => `
  import { createRequire } from "node:module";
  import assert from "node:assert/strict";
  import * as imported from "${entry}";
  const required = createRequire(import.meta.url)("${entry}");
  const names = (module) => Object.keys(module).filter((name) => !["__esModule", "default", "module.exports"].includes(name)).sort();
  assert.deepEqual(names(imported), names(required));
  assert.ok(names(required).length > 0, "no names");
  for (const name of names(required)) assert.equal(imported[name], required[name], name);
`;

const once = `
  import { createRequire } from "node:module";
  import assert from "node:assert/strict";
  import { Request, newAsyncHttpServer } from "asynchttpserver";
  import { startTestServer } from "asynchttpserver/testing";
  const required = createRequire(import.meta.url)("asynchttpserver");
  const server = newAsyncHttpServer();
  assert.ok(server instanceof required.AsyncHttpServer);
  await server.listen(0);
  const test = await startTestServer();
  assert.ok(test instanceof required.AsyncHttpServer);
  const reply = fetch(test.url);
  const request = await test.acceptRequest();
  assert.ok(request instanceof Request && request instanceof required.Request);
  await request.respond(200, "one");
  assert.equal(await (await reply).text(), "one");
  await test.close();
  await server.close();
`;

const servesCommonJs = `
  const { newAsyncHttpServer, Http200 } = require("asynchttpserver");
  const server = newAsyncHttpServer();
  server.serve(0, (request) => request.respond(Http200, "Hello World"));
  (async () => {
    while (true) {
      try { server.getPort(); break; } catch { await new Promise(setImmediate); }
    }
    const reply = await fetch(server.url);
    console.log(reply.status, await reply.text());
    await server.close();
  })();
`;

for (const { name, bin } of nodes) {
  for (const entry of ["asynchttpserver", "asynchttpserver/testing"]) {
    await check(`${name}: import and require of ${entry} give the same`, () =>
      succeed(bin, ["--input-type=module", "--eval", compare(entry)]));
  }
  await check(`${name}: one instance of every class`, () => succeed(bin, ["--input-type=module", "--eval", once]));
  await check(`${name}: package.json can be asked for`, async () => {
    const version = await succeed(bin, ["--print", 'require("asynchttpserver/package.json").version']);
    assert.equal(version.trim(), manifest.version);
  });
  await check(`${name}: what is not exported is out of reach`, async () => {
    const { code, output } = await run(bin, ["--eval", 'require("asynchttpserver/dist/reply.js")']);
    assert.notEqual(code, 0);
    assert.match(output, /ERR_PACKAGE_PATH_NOT_EXPORTED/);
  });
  await check(`${name}: serves from CommonJS and lets the process end`, async () => {
    assert.equal(await succeed(bin, ["--eval", servesCommonJs], { timeout: 20_000 }), "200 Hello World\n");
  });
  await check(`${name}: loads without a warning`, async () => {
    const code = 'require("asynchttpserver"); require("asynchttpserver/testing")';
    assert.equal(await succeed(bin, ["--trace-warnings", "--pending-deprecation", "--eval", code]), "");
  });
}

// The figure is printed for docs/benchmark.md; only a load that costs many times the bar fails here.
const load = `
  require("node:http");
  const start = performance.now();
  require("asynchttpserver");
  console.log(performance.now() - start);
`;
for (const { name, bin } of nodes) {
  await check(`${name}: loads in about 5 ms beyond node:http`, async () => {
    const runs = [];
    for (let i = 0; i < 9; i++) runs.push(Number(await succeed(bin, ["--eval", load])));
    runs.sort((a, b) => a - b);
    console.log(`# ${name}: median ${runs[4].toFixed(2)} ms, fastest ${runs[0].toFixed(2)} ms`);
    assert.ok(runs[0] < 25, `${runs[0]} ms at best`);
  });
}
