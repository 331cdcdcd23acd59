const { startTestServer } = require("asynchttpserver/testing");

test("a server that nobody used", async () => {
  const server = await startTestServer();
  expect(server.getPort()).toBeGreaterThan(0);
});
