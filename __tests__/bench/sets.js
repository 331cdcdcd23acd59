"use strict";
// How each kind of case is measured: a set of processes, one for each side, of which any can be given a turn.

const { once } = require("node:events");
const { readFileSync, rmSync, writeFileSync } = require("node:fs");
const net = require("node:net");
const { dirname, join } = require("node:path");
const { HELD, requestBytes } = require("./cases.js");
const { scratchFolder, run, start, next, ask } = require("./processes.js");

/**
 * @typedef {import("./cases.js").Case} Case
 * @typedef {import("./figures.js").Round} Round
 * @typedef {import("node:child_process").ChildProcess} ChildProcess
 *
 * @typedef {Record<string, string>} Sides what runs on each side: "bare", or the checkout whose build is measured
 *
 * @typedef {object} ProcessSet
 * @property {(side: string) => Promise<Round>} turn
 * @property {number} warmUp seconds of CPU time that each side uses before it is measured
 * @property {number} roundCpu seconds of CPU time after which a side's round is complete
 * @property {number} rounds
 * @property {() => void} stop
 */

/** How long the load lasts in one turn: short, so that what disturbs the machine disturbs all sides. */
const TURN_SECONDS = 0.05;
/** A round is long enough to have its share of garbage collections. */
const STEADY = { warmUp: 0.7, roundCpu: 0.2, rounds: 2 };
const ONE_TURN = { warmUp: 0, roundCpu: 0, rounds: 1 };

/**
 * Does the same for each side, for all at the same time.
 * @template T
 * @param {Sides} sides
 * @param {(runs: string, side: string) => T | Promise<T>} make
 * @returns {Promise<Record<string, T>>}
 */
async function forEachSide(sides, make) {
  const made = Object.entries(sides).map(async ([side, runs]) => [side, await make(runs, side)]);
  return Object.fromEntries(await Promise.all(made));
}

/** Ends processes in the middle of what they do. @param {Record<string, ChildProcess>} processes */
function stopAll(processes) {
  for (const child of Object.values(processes)) child.kill("SIGKILL");
}

/**
 * The whole response to one request.
 * @param {number} port
 * @param {Buffer} request
 * @returns {Promise<Buffer>}
 */
function responseTo(port, request) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write(request));
    /** @type {Buffer[]} */
    const chunks = [];
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      const response = Buffer.concat(chunks);
      const end = response.indexOf("\r\n\r\n") + 4;
      if (end < 4) return;
      const length = /^content-length: (\d+)\r$/im.exec(response.toString("latin1", 0, end));
      if (length === null) return reject(new Error("the response has no Content-Length"));
      if (response.length < end + Number(length[1])) return;
      socket.destroy();
      resolve(response);
    });
  });
}

/**
 * A response as far as it has to be the same on all sides: header lines in any order and letter case.
 * @param {Buffer} response
 */
function essence(response) {
  const end = response.indexOf("\r\n\r\n");
  const [status, ...lines] = response.toString("latin1", 0, end).split("\r\n");
  const headers = lines.map((line) =>
    line.replace(/^[^:]+/, (name) => name.toLowerCase()).replace(/^date: .*/, "date"),
  );
  return [status, ...headers.sort(), response.toString("latin1", end + 4)].join("\n");
}

/**
 * Sends one request to every server, and compares the responses.
 * @param {Record<string, number>} ports
 * @param {Buffer} request
 * @returns {Promise<Record<string, number>>} how long each response is
 */
async function tryAll(ports, request) {
  /** @type {Record<string, number>} */
  const lengths = {};
  let first;
  for (const [side, port] of Object.entries(ports)) {
    const response = await responseTo(port, request);
    const text = essence(response);
    first ??= text;
    if (text !== first) throw new Error(`"${side}" responds otherwise:\n${text}\n\ninstead of\n${first}`);
    lengths[side] = response.length;
  }
  return lengths;
}

/** @param {Case} one @param {Sides} sides @returns {Promise<ProcessSet>} */
async function startRequests({ name, requests }, sides) {
  const work = /** @type {import("./cases.js").RequestWork} */ (requests);
  const request = requestBytes(work);
  const servers = await forEachSide(sides, (runs) => start("server.js", [name, runs]));
  const ports = await forEachSide(sides, async (_, side) => (await next(servers[side])).port);
  const lengths = await tryAll(ports, request);
  const loads = await forEachSide(sides, () => start("load.js", []));
  await forEachSide(sides, (_, side) => {
    const target = { port: ports[side], connections: work.connections, request, responseLength: lengths[side] };
    return ask(loads[side], { command: "connect", ...target });
  });
  return {
    ...STEADY,
    async turn(side) {
      const before = await ask(servers[side], { command: "begin" });
      const { requests: count, seconds } = await ask(loads[side], { command: "run", seconds: TURN_SECONDS });
      const after = await ask(servers[side], { command: "end" });
      return { count, seconds, cpu: after.cpu - before.cpu, memory: after.peak };
    },
    stop() {
      // Loads first: one that sees its server end would complain.
      stopAll(loads);
      stopAll(servers);
    },
  };
}

/** @param {Case} _one @param {Sides} sides @returns {Promise<ProcessSet>} */
async function startStart(_one, sides) {
  const processes = await forEachSide(sides, (runs) => start("start-close.js", [runs]));
  return {
    ...STEADY,
    turn: (side) => ask(processes[side], { cycles: 20 }),
    stop: () => stopAll(processes),
  };
}

/**
 * What is loaded on a side: of bare, the module of Node's that every other side loads too.
 * @param {string} runs
 */
function entryOf(runs) {
  return runs === "bare" ? "node:http" : join(runs, "dist/testing/index.js");
}

/** @param {Case} _one @param {Sides} sides @returns {Promise<ProcessSet>} */
async function startLoad(_one, sides) {
  return {
    ...ONE_TURN,
    async turn(side) {
      const child = start("load-time.js", [entryOf(sides[side])]);
      const round = await next(child);
      child.kill();
      return round;
    },
    stop() {},
  };
}

/** A test file that loads one module; what that took is the name of its only test. @param {string} entry */
function loadTest(entry) {
  return `const start = process.hrtime.bigint();
const before = process.cpuUsage();
require(${JSON.stringify(entry)});
const { user, system } = process.cpuUsage(before);
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
const memory = process.memoryUsage.rss();
test(JSON.stringify({ count: 1, seconds, cpu: user + system, memory }), () => {});
`;
}

/**
 * Runs one test file for each side and round, in one process of Jest.
 * @param {string} folder an empty one
 * @param {Sides} sides
 * @param {number} rounds
 * @returns {Promise<Record<string, Round[]>>}
 */
async function runJest(folder, sides, rounds) {
  for (let i = 0; i < rounds; i++) {
    for (const [side, runs] of Object.entries(sides))
      writeFileSync(join(folder, `${i}-${side}.test.js`), loadTest(entryOf(runs)));
  }
  const jest = join(dirname(require.resolve("jest/package.json")), "bin/jest.js");
  const testSequencer = join(__dirname, "jest-sequencer.js");
  const config = JSON.stringify({ rootDir: folder, testEnvironment: "node", transform: {}, testSequencer });
  const output = join(folder, "result.json");
  await run([jest, "--config", config, "--runInBand", "--json", "--outputFile", output], folder);
  /** @type {Record<string, Round[]>} */
  const results = Object.fromEntries(Object.keys(sides).map((side) => [side, []]));
  for (const { name, assertionResults } of JSON.parse(readFileSync(output, "utf8")).testResults) {
    const [, side] = /** @type {RegExpExecArray} */ (/-(\w+)\.test\.js$/.exec(name));
    results[side].push(JSON.parse(assertionResults[0].title));
  }
  return results;
}

/** @param {Case} _one @param {Sides} sides @returns {Promise<ProcessSet>} */
async function startLoadInJest(_one, sides) {
  const rounds = 5;
  const folder = scratchFolder();
  const results = await runJest(folder, sides, rounds);
  const turn = async (/** @type {string} */ side) => /** @type {Round} */ (results[side].pop());
  return { ...ONE_TURN, rounds, turn, stop: () => rmSync(folder, { recursive: true }) };
}

/**
 * What one more client costs a server, in bytes of its process.
 * @param {string} runs
 * @param {string} clients
 */
async function costOfClient(runs, clients) {
  // Else the young generation doubles now and then, on one side sooner than on the other, which hides what is measured.
  const child = start("held.js", [runs, clients], ["--expose-gc", "--max-semi-space-size=1"]);
  const { port } = await next(child);
  /** @type {net.Socket[]} */
  const sockets = [];
  const connect = async () => {
    const socket = net.connect(port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    await once(socket, clients === "idle" ? "data" : "connect");
    return socket;
  };
  const open = async (/** @type {number} */ count) => {
    while (sockets.length < count) sockets.push(...(await Promise.all(Array.from({ length: 10 }, connect))));
    return (await ask(child, { clients: count })).bytes;
  };
  // The first ones pay for code and pools that the others share.
  const before = await open(HELD / 4);
  const bytes = (await open(HELD * 1.25)) - before;
  for (const socket of sockets) socket.destroy();
  child.kill();
  return bytes;
}

/** @param {Case} one @param {Sides} sides @returns {Promise<ProcessSet>} */
async function startHeld({ clients }, sides) {
  const turn = async (/** @type {string} */ side) => {
    const memory = await costOfClient(sides[side], /** @type {string} */ (clients));
    return { count: HELD, seconds: 0, cpu: 0, memory };
  };
  return { ...ONE_TURN, turn, stop() {} };
}

/** @param {Case} one @param {Sides} sides @returns {Promise<ProcessSet>} */
async function startQueue({ depth }, sides) {
  const processes = await forEachSide(sides, (runs) => start("queue-depth.js", [runs, String(depth)]));
  await forEachSide(sides, (_, side) => next(processes[side]));
  return {
    warmUp: 0.02,
    roundCpu: 0.005,
    rounds: 5,
    turn: (side) => ask(processes[side], {}),
    stop: () => stopAll(processes),
  };
}

module.exports = {
  startSet: {
    requests: startRequests,
    start: startStart,
    load: startLoad,
    "load-jest": startLoadInJest,
    held: startHeld,
    queue: startQueue,
  },
};
