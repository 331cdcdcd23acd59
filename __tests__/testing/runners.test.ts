import { Program } from "../helpers/docs-program";
import { Project } from "../helpers/docs-project";

jest.setTimeout(30_000);

let project: Project;
beforeAll(() => {
  project = new Project();
});
afterAll(() => project.remove());

/** Runs a file of tests under node:test, in a process of its own that does not know of Jest. */
async function nodeTest(name: string, code: string): Promise<{ output: string; code: number | null; ms: number }> {
  const path = project.write(
    `${name}.js`,
    `const { test, beforeEach, afterEach } = require("node:test");
     const assert = require("node:assert");
     const { startTestServer, useTestServer } = require("asynchttpserver/testing");
     ${code}`,
  );
  const begun = performance.now();
  await using program = new Program(path, [], { JEST_WORKER_ID: "", NODE_OPTIONS: "", NODE_TEST_CONTEXT: "" });
  const { code: exit } = await program.ended;
  return { output: program.stdout + program.stderr, code: exit, ms: performance.now() - begun };
}

describe("under node:test", () => {
  test("a wait with nothing else alive ends with its own error, in time", async () => {
    const { output, code } = await nodeTest(
      "alone",
      `test("waits", async () => {
         const server = await startTestServer();
         await server.acceptRequest({ timeout: 300 });
       });`,
    );
    expect(code).toBe(1);
    expect(output).toMatch(/no request arrived within 300 ms at http:\/\/127\.0\.0\.1:\d+\n\s+No client has connected/);
    expect(output).not.toContain("event loop has already resolved");
  });

  test("useTestServer takes its hooks", async () => {
    const { output, code, ms } = await nodeTest(
      "hooks",
      `const server = useTestServer({ hooks: { beforeEach, afterEach } });
       test("fails", async () => {
         const reply = fetch(server.url + "/logni").then((response) => { if (!response.ok) throw new Error("no login"); });
         const request = await server.acceptRequest({ while: reply });
         assert.equal(request.url.path, "/login");
       });
       test("passes", async () => {
         const reply = fetch(server.url);
         await (await server.acceptRequest({ while: reply })).respond(204);
         assert.equal((await reply).status, 204);
       });`,
    );
    expect(code).toBe(1);
    expect(output).toMatch(/'\/logni' == '\/login'/);
    expect(output).toMatch(/(?:pass 1)[^]*(?:fail 1)/);
    expect(output).not.toContain("no login");
    expect(ms).toBeLessThan(10_000);
  });

  test("without hooks it says what to write", async () => {
    const { output, code } = await nodeTest("no-hooks", `useTestServer();`);
    expect(code).toBe(1);
    expect(output).toContain("useTestServer({ hooks: { beforeEach, afterEach } })");
  });

  test("a server and a wait that are forgotten end with the deadline of the wait", async () => {
    const { code, ms } = await nodeTest(
      "forgotten",
      `test("passes", async () => {
         const server = await startTestServer();
         void server.acceptRequest({ timeout: 500 });
       });`,
    );
    expect(code).toBe(0);
    expect(ms).toBeLessThan(10_000);
  });
});
