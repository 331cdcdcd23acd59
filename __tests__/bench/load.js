"use strict";
// The load generator in a process of its own: raw sockets, a request that is never built again, a response that is only
// counted. It costs well below what a server does, so that the server is what is measured.

const net = require("node:net");

/**
 * @typedef {object} Target
 * @property {number} port
 * @property {number} connections
 * @property {Uint8Array} request the bytes of one request
 * @property {number} responseLength the bytes of one response
 */

/** Where the first digit of the status stands. */
const STATUS = "HTTP/1.1 ".length;

/** @type {net.Socket[]} */
const sockets = [];
/** Called when a response is complete; returns whether its connection sends another request. @type {() => boolean} */
let onResponse = () => false;
/** Called when the last connection has stopped. @type {() => void} */
let onStopped = () => {};
let running = 0;
/** @type {Target} */
let target;

/** @param {net.Socket} socket */
function drive(socket) {
  let missing = target.responseLength;
  socket.on("data", (chunk) => {
    if (missing === target.responseLength && chunk[STATUS] !== 0x32) throw new Error(`a response is not 2xx: ${chunk}`);
    missing -= chunk.length;
    if (missing > 0) return;
    if (missing < 0) throw new Error("the server sent more than one response to one request");
    missing = target.responseLength;
    if (onResponse()) socket.write(target.request);
    else if (--running === 0) onStopped();
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
 * Sends requests on every connection, each when the one before has its response, until `next` returns false.
 * @param {() => boolean} next
 * @returns {Promise<void>}
 */
function run(next) {
  onResponse = next;
  running = sockets.length;
  for (const socket of sockets) socket.write(target.request);
  return new Promise((resolve) => (onStopped = resolve));
}

const commands = {
  /** Opens the connections and sends one request on each, so that connecting is not measured. @param {Target} given */
  async connect(given) {
    target = { ...given, request: Buffer.from(given.request) };
    while (sockets.length < target.connections) {
      const some = Math.min(100, target.connections - sockets.length);
      sockets.push(...(await Promise.all(Array.from({ length: some }, () => connect(target.port)))));
    }
    for (const socket of sockets) drive(socket);
    await run(() => false);
    return {};
  },

  /** @param {{ seconds: number }} given */
  async run({ seconds }) {
    let requests = 0;
    let over = false;
    const start = process.hrtime.bigint();
    setTimeout(() => (over = true), seconds * 1000);
    await run(() => {
      requests++;
      return !over;
    });
    return { requests, seconds: Number(process.hrtime.bigint() - start) / 1e9 };
  },
};

process.on("message", async (/** @type {{ command: keyof typeof commands }} */ message) => {
  process.send?.(await commands[message.command](/** @type {any} */ (message)));
});
process.on("disconnect", () => process.exit());
