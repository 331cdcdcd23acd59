// One test file under every runner and every transform. It has to pass, to fail at the right line, and to end.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { nodes, run } from "../harness.mjs";

// Vitest 5 does not run on Node 20.
const { bin } = nodes.at(-1);

/** Two tests of a client, in the syntax of ES modules; `path` is what they expect. */
const suite = (imports, path) => `
import assert from "node:assert/strict";
${imports}
import { startTestServer, useTestServer } from "asynchttpserver/testing";

test("the client logs in", async () => {
  const server = await startTestServer();
  try {
    const reply = fetch(server.url + "/login", { method: "POST", body: '{"user":"ann"}' });
    const request = await server.acceptRequest();
    assert.equal(request.url.path, "${path}");
    assert.deepEqual(request.json(), { user: "ann" });
    await request.respond(200, "welcome");
    assert.equal(await (await reply).text(), "welcome");
  } finally {
    await server.close();
  }
});

const server = useTestServer(${imports.includes("beforeEach") ? "{ hooks: { beforeEach, afterEach } }" : ""});

test("the client logs in to the server of the test", async () => {
  const reply = fetch(server.url + "/login", { method: "POST", body: '{"user":"ann"}' });
  const request = await server.acceptRequest({ while: reply });
  assert.equal(request.url.path, "${path}");
  await request.respondJson(200, { token: "t" });
  assert.equal(await (await reply).text(), '{"token":"t"}');
});
`;
const common = (code) => code.replaceAll(/^import (\S+|\{.*\}) from ("\S+");/gm, "const $1 = require($2);");

const jest = (transform) => ({
  file: "login.test.ts",
  config: ["jest.config.json", { rootDir: ".", transform }],
  command: ["jest/bin/jest.js", "--ci"],
});
const typescript = [
  "tsconfig.json",
  {
    compilerOptions: {
      target: "es2022",
      module: "nodenext",
      esModuleInterop: true,
      strict: true,
      types: ["node", "jest"],
    },
  },
];
const presets = [["@babel/preset-env", { targets: { node: "20" } }], "@babel/preset-typescript"];

const runners = {
  "Jest, CommonJS": { ...jest({}), file: "login.test.js", write: common },
  "Jest, ts-jest": { ...jest({ "\\.ts$": ["ts-jest", {}] }), extra: typescript },
  "Jest, babel-jest": jest({ "\\.ts$": ["babel-jest", { presets }] }),
  "Jest, SWC": jest({ "\\.ts$": ["@swc/jest", {}] }),
  Vitest: {
    file: "login.test.ts",
    imports: 'import { afterEach, beforeEach, test } from "vitest";',
    command: ["vitest/vitest.mjs", "run"],
  },
  "node:test, ES module": {
    file: "login.test.mjs",
    imports: 'import { afterEach, beforeEach, test } from "node:test";',
    command: ["--test"],
  },
  "node:test, CommonJS": {
    file: "login.test.cjs",
    imports: 'import { afterEach, beforeEach, test } from "node:test";',
    write: common,
    command: ["--test"],
  },
  "Mocha, ES module": {
    file: "login.test.mjs",
    imports: 'import { afterEach, beforeEach, it as test } from "mocha";',
    command: ["mocha/bin/mocha.js"],
  },
  "Mocha, CommonJS": {
    file: "login.test.cjs",
    imports: "const test = it;",
    write: common,
    command: ["mocha/bin/mocha.js"],
  },
};

for (const [name, { file, imports = "", write = (code) => code, config, extra, command }] of Object.entries(runners)) {
  for (const [path, fails] of [
    ["/login", false],
    ["/logout", true],
  ]) {
    await test(`${name}: ${fails ? "a test that fails" : "a test that passes"}`, async () => {
      const folder = `${name} ${fails}`.replaceAll(/\W+/g, "-");
      mkdirSync(folder);
      for (const [to, content] of [config, extra].filter(Boolean))
        writeFileSync(`${folder}/${to}`, JSON.stringify(content));
      writeFileSync(`${folder}/${file}`, write(suite(imports, path)));
      const [program, ...args] = command;
      const start = program.startsWith("-") ? [program] : [`../node_modules/${program}`];
      const options = { cwd: folder, env: { NO_COLOR: "1" }, timeout: 60_000 };
      const { code, output, timedOut } = await run(bin, [...start, ...args, file], options);
      assert.ok(!timedOut, output);
      assert.equal(code !== 0, fails, output);
      assert.match(output, fails ? /'?\/login'?[^]*'?\/logout'?/ : /2 pass|pass 2|2 passed|2 passing/);
    });
  }
}
