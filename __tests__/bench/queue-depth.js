"use strict";
// What one accept costs while many requests wait: `queue-depth.js`, in one process.
//
// 100,000 waiting requests need 100,000 connections, because only one request of a connection waits at a time. No process
// may have as many descriptors, so these connections are streams in memory: Node documents that any Duplex can be given
// to its server as a connection. From the parser on, everything is as it is with sockets.

const { Duplex } = require("node:stream");
const { newAsyncHttpServer } = require("../../dist/index.js");

const REQUEST = Buffer.from("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "latin1");
/** How many accepts are timed together; also the least number that is timed at one depth. */
const BATCH = 1000;
const BATCHES = 20;

class Client extends Duplex {
  remoteAddress = "127.0.0.1";
  bytesRead = REQUEST.length;
  _read() {}
  /** @param {unknown} _chunk @param {string} _encoding @param {() => void} done */
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
 * @param {import("../../dist/index.js").AsyncHttpServer} server
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
 * @param {number} depth
 * @returns {Promise<number[]>} microseconds of one accept, batch by batch
 */
async function costAt(depth) {
  const server = newAsyncHttpServer();
  await server.listen(0);
  const batch = Math.min(depth, BATCH);
  const costs = [];
  await queue(server, depth);
  for (let i = 0; i < BATCHES; i++) {
    let spent = 0n;
    for (let taken = 0; taken < BATCH; taken += batch) {
      const accepted = [];
      const start = process.hrtime.bigint();
      for (let k = 0; k < batch; k++) accepted.push(await server.acceptRequest());
      spent += process.hrtime.bigint() - start;
      for (const request of accepted) await request.respond(200, "hello");
      for (const request of accepted) request.client.destroy();
      await queue(server, batch);
    }
    costs.push(Number(spent) / 1000 / BATCH);
  }
  await server.close();
  return costs;
}

process.on("message", async (/** @type {{ depth: number }} */ { depth }) => {
  process.send?.({ costs: await costAt(depth) });
});
process.on("disconnect", () => process.exit());
