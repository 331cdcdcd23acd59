const { expect, test } = require("@jest/globals");
const { startTestServer } = require("asynchttpserver/testing");

test("innocent", async () => {
  const server = await startTestServer((request) => request.respond(204));
  expect((await fetch(server.url)).status).toBe(204);
  await server.close();
});
