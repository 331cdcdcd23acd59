// A test that passes and a wait that fails, where every prototype is frozen.
const assert = require("node:assert/strict");
const http = require("node:http");
const { HttpHeaders, Request } = require("asynchttpserver");
const { startTestServer } = require("asynchttpserver/testing");

for (const { prototype } of [Object, Function, Array, Error, TypeError, RangeError, Promise, HttpHeaders, Request])
  Object.freeze(prototype);

async function main() {
  const server = await startTestServer();
  http.request(server.url, { method: "POST", agent: false }, (response) => response.resume()).end('{"user":"ann"}');
  const request = await server.acceptRequest();
  assert.deepEqual(request.json(), { user: "ann" });
  await request.respondJson(200, {}, { constructor: "1", toString: "2" });
  await assert.rejects(server.acceptRequest({ timeout: 1 }), { name: "TimeoutError", code: "ERR_ACCEPT_TIMEOUT" });
  await assert.rejects(server.listen(-1), { code: "ERR_INVALID_ARGUMENT" });
  assert.equal(server.shouldAcceptRequest(), true);
  await server.close();
  console.log("served");
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
