"use strict";
// What a client costs that only stays: `held.js bare|PACKAGE idle|queued`. It tells its port, and what the process holds
// each time that it is asked and all its clients have come so far.

const http = require("node:http");
const { loadPackage } = require("./package.js");

const [, , side, kind] = process.argv;
/** What has come and has no response yet. @type {unknown[]} */
const waiting = [];
let arrived = 0;

/** @type {http.RequestListener} */
function respond(request, response) {
  if (kind === "queued") return void waiting.push(request);
  response.writeHead(200, { "Content-Length": 5 });
  response.end("hello");
}

/** @returns {Promise<http.Server>} */
async function start() {
  if (side === "bare") {
    const server = http.createServer({ keepAliveTimeout: 65_000 }, respond);
    return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
  }
  const server = loadPackage(side).newAsyncHttpServer();
  await server.listen(0);
  if (kind === "idle") void server.serve((request) => request.respond(200, "hello"));
  return server.node;
}

/** @returns {Promise<unknown>} */
function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}

async function main() {
  const node = await start();
  node.on("request", () => arrived++);
  process.on("message", async (/** @type {{ clients: number }} */ { clients }) => {
    while (arrived < clients) await turn();
    for (let i = 0; i < 4; i++) {
      global.gc?.();
      await turn();
    }
    process.send?.({ bytes: process.memoryUsage.rss() });
  });
  process.send?.({ port: /** @type {import("node:net").AddressInfo} */ (node.address()).port });
}

process.on("disconnect", () => process.exit());
void main();
