// The installed package itself: what is in it, and that it loads alike from CommonJS and from ES modules.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import { test } from "node:test";
import { CHECKOUT, copyCheckout, nodes, run, succeed } from "../harness.mjs";

const root = join(process.cwd(), "node_modules/asynchttpserver");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const files = readdirSync(root, { recursive: true })
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => statSync(join(root, name)).isFile());

await test("installs at most 500 KB", () => {
  const sizes = files.map((name) => [statSync(join(root, name)).size, name]);
  const total = sizes.reduce((sum, [size]) => sum + size, 0);
  console.log(`# ${total} bytes installed in ${files.length} files`);
  const table = sizes.sort((a, b) => b[0] - a[0]).map(([size, name]) => `${size} ${name}`);
  assert.ok(total <= 500_000, `${total} bytes\n${table.join("\n")}`);
});

await test("dist/ has the files of lib/, readable", () => {
  const sources = readdirSync(join(CHECKOUT, "lib"), { recursive: true }).filter((name) => /\.m?ts$/.test(name));
  const built = files.filter((name) => /^dist\/.*\.m?js$/.test(name));
  assert.deepEqual(built.sort(), sources.map((name) => `dist/${name.replace(/ts$/, "js")}`).sort());
  for (const name of built) {
    // TypeScript declares all exports in one statement.
    const lines = readFileSync(join(root, name), "utf8")
      .split("\n")
      .filter((line) => !line.startsWith("exports."));
    assert.ok(Math.max(...lines.map(({ length }) => length)) < 300, name);
  }
});

await test("brings the declarations that its entries reach, no others", () => {
  const reached = new Set();
  const reach = (name) => {
    if (reached.has(name)) return;
    reached.add(name);
    const text = readFileSync(join(root, name), "utf8").replaceAll(/\/\*\*[^]*?\*\//g, "");
    for (const [, to] of text.matchAll(/from "(\.[^"]+)"/g))
      reach(posix.join(posix.dirname(name), `${to.replace(/\.js$/, "")}.d.ts`));
  };
  for (const entry of ["index", "testing/index"]) for (const kind of ["d.ts", "d.mts"]) reach(`dist/${entry}.${kind}`);
  assert.deepEqual(files.filter((name) => /\.d\.m?ts$/.test(name)).sort(), [...reached].sort());
});

await test("no link of its documents is dead", () => {
  const dead = [];
  for (const name of files.filter((file) => file.endsWith(".md"))) {
    const prose = readFileSync(join(root, name), "utf8").replaceAll(/^```[^]*?^```|`[^`\n]*`/gm, "");
    for (const [, target] of prose.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^\w+:/.test(target)) continue;
      if (!existsSync(join(root, name, "..", target))) dead.push(`${name}: ${target}`);
    }
  }
  assert.deepEqual(dead, []);
});

await test("a stack trace names the handler and the functions of the package as they are written", async () => {
  const program = `
    const { newAsyncHttpServer } = require("asynchttpserver");
    function brokenHandler() { throw new Error("broken"); }
    const server = newAsyncHttpServer();
    server.listen(0).then(async () => {
      const serving = server.serve(brokenHandler);
      await fetch(server.url);
      await server.close();
      await serving;
    });
  `;
  const { output } = await run(process.execPath, ["--eval", program]);
  const frames = [...output.matchAll(/^ +at (?:async )?(?:new )?(\S+) \((.*)\)$/gm)].map(([, name, where]) => [
    name.split(".").pop(),
    where,
  ]);
  assert.equal(frames[0][0], "brokenHandler", output);
  const ours = frames.filter(([, where]) => where.includes("/asynchttpserver/dist/"));
  assert.ok(ours.length > 2, output);
  for (const [name, where] of ours) assert.match(`${name} ${where}`, /^#?[A-Za-z]{3,} .*\.js:\d+:\d+$/, output);
});

await test("a git dependency builds itself", async () => {
  const clone = `${process.cwd()}/clone`;
  await succeed("git", ["init", "--quiet", clone]);
  await copyCheckout(clone);
  const identity = ["-c", "user.name=CI", "-c", "user.email=ci@localhost"];
  await succeed("git", ["add", "--all"], { cwd: clone });
  await succeed("git", [...identity, "commit", "--quiet", "--message", "clone"], { cwd: clone });
  mkdirSync("git");
  writeFileSync("git/package.json", "{}");
  await succeed("npm", ["install", "--allow-git=all", `git+file://${clone}`], { cwd: "git" });
  assert.match(
    await succeed(process.execPath, ["--print", 'typeof require("asynchttpserver").newAsyncHttpServer'], {
      cwd: "git",
    }),
    /^function/,
  );
});

const hardened = {
  "frozen intrinsics": ["--frozen-intrinsics"],
  "no code from strings, no __proto__": ["--disallow-code-generation-from-strings", "--disable-proto=throw"],
  "symlinks preserved": ["--preserve-symlinks", "--preserve-symlinks-main"],
};
for (const { name, bin } of nodes) {
  const [major] = name.slice(1).split(".");
  const permissions = [major < 22 ? "--experimental-permission" : "--permission", `--allow-fs-read=${process.cwd()}`];
  if (major > 24) permissions.push("--allow-net");
  for (const [what, flags] of Object.entries({ ...hardened, permissions })) {
    await test(`${name}: runs with ${what}`, async () => {
      assert.match(await succeed(bin, [...flags, "hardened.cjs"], { timeout: 30_000 }), /^served$/m);
    });
  }
}

await test("installs no other package and runs no script on the user's machine", () => {
  for (const kind of ["dependencies", "peerDependencies", "optionalDependencies"]) {
    assert.equal(manifest[kind], undefined, kind);
  }
  for (const script of ["preinstall", "install", "postinstall"]) {
    assert.equal(manifest.scripts[script], undefined, script);
  }
  const { packages } = JSON.parse(readFileSync("node_modules/.package-lock.json", "utf8"));
  assert.equal(packages["node_modules/asynchttpserver"].dependencies, undefined);
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
    await test(`${name}: import and require of ${entry} give the same`, () =>
      succeed(bin, ["--input-type=module", "--eval", compare(entry)]));
  }
  await test(`${name}: one instance of every class`, () => succeed(bin, ["--input-type=module", "--eval", once]));
  await test(`${name}: package.json can be asked for`, async () => {
    const version = await succeed(bin, ["--print", 'require("asynchttpserver/package.json").version']);
    assert.equal(version.trim(), manifest.version);
  });
  await test(`${name}: what is not exported is out of reach`, async () => {
    const { code, output } = await run(bin, ["--eval", 'require("asynchttpserver/dist/request.js")']);
    assert.notEqual(code, 0);
    assert.match(output, /ERR_PACKAGE_PATH_NOT_EXPORTED/);
  });
  await test(`${name}: serves from CommonJS and lets the process end`, async () => {
    assert.equal(await succeed(bin, ["--eval", servesCommonJs], { timeout: 20_000 }), "200 Hello World\n");
  });
  await test(`${name}: loads without a warning`, async () => {
    const code = 'require("asynchttpserver"); require("asynchttpserver/testing")';
    assert.equal(await succeed(bin, ["--trace-warnings", "--pending-deprecation", "--eval", code]), "");
  });
}

// Loading, beside supertest, ws and bare, in turns: what else the machine does hits all of them.
const packages = ["node:http", "ws", "supertest", "asynchttpserver", "asynchttpserver/testing"];
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Tells the times, and the ratio to supertest: a figure for docs/benchmark.md, not a bar that a busy machine could miss. */
function compareLoads(where, times) {
  const reference = median(times.get("supertest"));
  for (const name of packages) {
    const time = median(times.get(name));
    console.log(`# ${where}: ${name} ${time.toFixed(1)} ms, ${(time / reference).toFixed(2)} of supertest`);
  }
}

for (const { name, bin } of nodes) {
  await test(`${name}: loading beside supertest, in a process`, async () => {
    const times = new Map(packages.map((each) => [each, []]));
    for (let i = 0; i < 9; i++) {
      for (const each of packages) {
        const program = `const start = performance.now(); require("${each}"); console.log(performance.now() - start)`;
        times.get(each).push(Number(await succeed(bin, ["--eval", program])));
      }
    }
    compareLoads(name, times);
  });

  await test(`${name}: loading beside supertest, in a Jest test file`, async () => {
    mkdirSync("jest", { recursive: true });
    writeFileSync("jest.config.json", JSON.stringify({ rootDir: "jest" }));
    for (let i = 0; i < 9; i++) {
      for (const [j, each] of packages.entries()) {
        const program = `const start = performance.now(); require("${each}"); const took = performance.now() - start;
          test(String(took), () => {});`;
        writeFileSync(`jest/${i}-${j}.test.js`, program);
      }
    }
    const args = [
      "node_modules/jest/bin/jest.js",
      "--config",
      "jest.config.json",
      "--runInBand",
      "--json",
      "--outputFile",
      "jest.json",
    ];
    await succeed(bin, args);
    const times = new Map(packages.map((each) => [each, []]));
    for (const { name: file, assertionResults } of JSON.parse(readFileSync("jest.json", "utf8")).testResults) {
      const [, index] = /-(\d)\.test\.js$/.exec(file);
      times.get(packages[index]).push(Number(assertionResults[0].title));
    }
    compareLoads(`${name}, Jest`, times);
  });
}
