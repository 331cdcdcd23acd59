// Jest: { "injectGlobals": false }
const { test } = require("@jest/globals");
const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  await fetch(server.url);
});

// Output:
//   ● Test suite failed to run
//   useTestServer found no beforeEach and afterEach: give it those of your test runner, as in import { beforeEach, afterEach } from "vitest" (or "node:test", "@jest/globals"); useTestServer({ hooks: { beforeEach, afterEach } })
//   > 5 | const server = useTestServer();
//   …
//   Tests: 1 passed, 1 total
