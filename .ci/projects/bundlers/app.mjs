// An application that is bundled into one file; a part of it is CommonJS.
import assert from "node:assert/strict";
import { get } from "node:https";
import { AsyncHttpServer, newAsyncHttpServer } from "asynchttpserver";
import { startTestServer, testCertificate } from "asynchttpserver/testing";
import { Server } from "./part.cjs";

async function main() {
  const server = newAsyncHttpServer();
  await server.listen(0);
  const serving = server.serve((request) =>
    request.respond(200, request.rawBody, { "Content-Type": "application/json" }),
  );
  assert.equal((await fetch(server.url)).status, 200);
  const body = JSON.stringify({ text: "x".repeat(1013) });
  assert.equal(await (await fetch(server.url, { method: "POST", body })).text(), body);
  await server.close();
  await serving;

  const secure = await startTestServer((request) => request.respond(200), { tls: testCertificate });
  const status = await new Promise((resolve, reject) => {
    get(secure.url, { ca: testCertificate.cert, agent: false }, (response) => resolve(response.resume().statusCode)).on(
      "error",
      reject,
    );
  });
  assert.equal(status, 200);
  await secure.close();

  assert.equal(Server, AsyncHttpServer);
  assert.ok(secure instanceof Server);
  console.log("served");
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
