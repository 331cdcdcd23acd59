"use strict";
// Start on a free port, one fetch, close, again and again: `start-close.js bare|PACKAGE`, as many times as it is asked for.

const http = require("node:http");
const { forgetPeak, peak } = require("./memory.js");
const { loadPackage } = require("./package.js");

const [, , side] = process.argv;

async function bare() {
  const server = http.createServer({ keepAliveTimeout: 65_000 }, (_request, response) => {
    response.writeHead(200, { "Content-Length": 5 });
    response.end("hello");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  await (await fetch(`http://127.0.0.1:${port}`)).text();
  await new Promise((resolve) => {
    server.close(resolve);
    // Without this, a close now and then waits for fetch's idle connection.
    server.closeAllConnections();
  });
}

/** @param {typeof import("asynchttpserver")["newAsyncHttpServer"]} newAsyncHttpServer */
async function library(newAsyncHttpServer) {
  const server = newAsyncHttpServer();
  await server.listen(0);
  void server.serve((request) => request.respond(200, "hello"));
  await (await fetch(server.url)).text();
  await server.close();
}

/** @returns {() => Promise<void>} */
function cycleOf() {
  if (side === "bare") return bare;
  const { newAsyncHttpServer } = loadPackage(side);
  return () => library(newAsyncHttpServer);
}

const cycle = cycleOf();

process.on("message", async (/** @type {{ cycles: number }} */ { cycles }) => {
  forgetPeak();
  const start = process.hrtime.bigint();
  const before = process.cpuUsage();
  for (let i = 0; i < cycles; i++) await cycle();
  const { user, system } = process.cpuUsage(before);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  process.send?.({ count: cycles, seconds, cpu: user + system, memory: peak() });
});
process.on("disconnect", () => process.exit());
