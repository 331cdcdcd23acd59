import assert from "node:assert/strict";
import { newAsyncHttpServer } from "asynchttpserver";

const server = newAsyncHttpServer();
await server.listen(0);
const serving = server.serve((request) => {
  if (request.reqMethod === "GET") return request.respond(200, "Hello World");
  return request.respond(200, JSON.stringify(request.json()), { "Content-Type": "application/json" });
});
assert.equal(await (await fetch(server.url)).text(), "Hello World");
const body = JSON.stringify({ text: "x".repeat(1013) });
assert.equal(body.length, 1024);
assert.equal(await (await fetch(server.url, { method: "POST", body })).text(), body);
await server.close();
await serving;
console.log("served");
