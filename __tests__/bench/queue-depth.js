"use strict";
// What one accept costs while many requests wait: `queue-depth.js PACKAGE DEPTH`.
//
// 100,000 waiting requests need 100,000 connections, because only one request of a connection waits at a time. No process
// may have as many descriptors, so these connections are streams in memory: Node documents that any Duplex can be given
// to its server as a connection. From the parser on, everything is as it is with sockets.

const { Duplex } = require("node:stream");
const { forgetPeak, peak } = require("./memory.js");
const { loadPackage } = require("./package.js");

const [, , root, depth] = process.argv;

const REQUEST = Buffer.from("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "latin1");
/** How many accepts make one turn, and how many of them are timed together at most. */
const BATCH = 1000;

class Client extends Duplex {
  remoteAddress = "127.0.0.1";
  bytesRead = REQUEST.length;
  /** @override */
  _read() {}
  /** @param {unknown} _chunk @param {string} _encoding @param {() => void} done @override */
  _write(_chunk, _encoding, done) {
    done();
  }
  setTimeout() {
    return this;
  }
  destroySoon() {
    this.end();
  }
}

/**
 * Puts requests into the server's queue.
 * @param {import("asynchttpserver").AsyncHttpServer} server
 * @param {number} count
 */
async function queue(server, count) {
  for (let done = 0; done < count;) {
    const some = Math.min(BATCH, count - done);
    let arrived = 0;
    const all = new Promise((resolve) => {
      const arrive = () => {
        if (++arrived < some) return;
        server.node.off("request", arrive);
        resolve(undefined);
      };
      server.node.on("request", arrive);
    });
    for (let i = 0; i < some; i++) {
      const client = new Client();
      server.node.emit("connection", client);
      client.push(REQUEST);
    }
    await all;
    done += some;
  }
}

/**
 * Takes requests out of the queue, times that, and fills the queue again.
 * @param {import("asynchttpserver").AsyncHttpServer} server
 * @param {number} count
 * @returns {Promise<number>} seconds
 */
async function accept(server, count) {
  const accepted = [];
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i++) accepted.push(await server.acceptRequest());
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  for (const request of accepted) await request.respond(200, "hello");
  for (const request of accepted) request.client.destroy();
  await queue(server, count);
  return seconds;
}

/**
 * @param {import("asynchttpserver").AsyncHttpServer} server
 * @returns {Promise<import("./figures.js").Round>}
 */
async function turn(server) {
  forgetPeak();
  const together = Math.min(Number(depth), BATCH);
  let seconds = 0;
  for (let count = 0; count < BATCH; count += together) seconds += await accept(server, together);
  // A clock costs less than asking for the CPU time, which would be most of a single accept. Nothing waits in between, so
  // that they are the same but for what else the machine does.
  return { count: BATCH, seconds, cpu: seconds * 1e6, memory: peak() };
}

async function main() {
  const server = loadPackage(root).newAsyncHttpServer();
  await server.listen(0);
  await queue(server, Number(depth));
  process.on("message", async () => process.send?.(await turn(server)));
  process.send?.({});
}

process.on("disconnect", () => process.exit());
void main();
