const http = require("node:http");
const { startTestServer } = require("asynchttpserver/testing");

const get = (url, agent) =>
  new Promise((resolve, reject) => {
    http.get(url, { agent }, (reply) => reply.resume().on("end", () => resolve(reply.statusCode))).on("error", reject);
  });

test("clients that keep their connections alive", async () => {
  const server = await startTestServer((request) => request.respond(200, "kept"));
  const agent = new http.Agent({ keepAlive: true });
  expect(await get(server.url, agent)).toBe(200);
  expect((await fetch(server.url)).status).toBe(200);
});
