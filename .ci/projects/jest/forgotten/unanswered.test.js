const { spawn } = require("node:child_process");
const { startTestServer } = require("asynchttpserver/testing");

test("a request that is never answered", async () => {
  const server = await startTestServer();
  const code = `require("node:http").get(${JSON.stringify(server.url)}).on("error", () => {})`;
  spawn(process.execPath, ["--eval", code], { stdio: "ignore" }).unref();
  const request = await server.acceptRequest();
  expect(request.url.path).toBe("/");
});

test("a wait that nobody awaits", async () => {
  const server = await startTestServer();
  server.acceptRequest().catch(() => {});
});
