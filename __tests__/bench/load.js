"use strict";
// The load generator in a process of its own: raw sockets, a request that is never built again, an answer that is only
// counted. It costs well below what a server does, so that the server is what is measured.

const net = require("node:net");

/**
 * @typedef {object} Target
 * @property {number} port
 * @property {number} connections
 * @property {Uint8Array} request the bytes of one request
 * @property {number} answerLength the bytes of one answer
 */

/** Where the first digit of the status stands. */
const STATUS = "HTTP/1.1 ".length;

/** @type {net.Socket[]} */
let sockets = [];
/** What a connection does when an answer is complete; it returns whether to go on. @type {() => boolean} */
let answered = () => false;
/** What happens when the last connection has stopped. @type {() => void} */
let stopped = () => {};
let running = 0;
/** @type {Target} */
let target;

/** @param {net.Socket} socket */
function drive(socket) {
  let missing = target.answerLength;
  socket.on("data", (chunk) => {
    if (missing === target.answerLength && chunk[STATUS] !== 0x32) throw new Error(`an answer is not 2xx: ${chunk}`);
    missing -= chunk.length;
    if (missing > 0) return;
    if (missing < 0) throw new Error("the server sent more than one answer to one request");
    missing = target.answerLength;
    if (answered()) socket.write(target.request);
    else if (--running === 0) stopped();
  });
  socket.on("error", fail);
  socket.on("end", fail);
}

/** @param {Error} [error] */
function fail(error) {
  throw new Error("the server ended a connection", { cause: error });
}

/** @param {number} port @returns {Promise<net.Socket>} */
function connect(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

/**
 * Sends requests on every connection, the next one when the one before is answered, until `next` says no.
 * @param {() => boolean} next
 * @returns {Promise<void>}
 */
function run(next) {
  answered = next;
  running = sockets.length;
  for (const socket of sockets) socket.write(target.request);
  return new Promise((resolve) => (stopped = resolve));
}

const commands = {
  /** Opens the connections and sends one request on each, so that connecting is not measured. @param {Target} given */
  async connect(given) {
    target = { ...given, request: Buffer.from(given.request) };
    sockets = [];
    while (sockets.length < target.connections) {
      const some = Math.min(100, target.connections - sockets.length);
      sockets.push(...(await Promise.all(Array.from({ length: some }, () => connect(target.port)))));
    }
    for (const socket of sockets) drive(socket);
    await run(() => false);
  },

  /** @param {{ seconds: number }} given */
  async run({ seconds }) {
    let requests = 0;
    let over = false;
    const start = process.hrtime.bigint();
    const before = process.cpuUsage();
    setTimeout(() => (over = true), seconds * 1000);
    await run(() => {
      requests++;
      return !over;
    });
    const { user, system } = process.cpuUsage(before);
    return { requests, seconds: Number(process.hrtime.bigint() - start) / 1e9, cpu: user + system };
  },

  async disconnect() {
    const closed = sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve)));
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
  },
};

process.on("message", async (/** @type {{ command: keyof typeof commands }} */ message) => {
  process.send?.((await commands[message.command](/** @type {any} */ (message))) ?? {});
});
process.on("disconnect", () => process.exit());
