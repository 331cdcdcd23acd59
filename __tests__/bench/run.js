"use strict";
// The benchmark: this library against bare node:http, each in a process of its own, driven in turn by a third.
//
//   npm run bench                                  all cases
//   npm run bench -- get-serve upload-8m           some of them
//   npm run bench -- --rounds=100 --seconds=0.5    longer; the defaults are below
//   npm run bench -- --save                        into docs/benchmark.md and docs/benchmark.svg too
//
// Another version of Node is measured by running this file with it. The table goes to stdout, progress to stderr.

const { fork } = require("node:child_process");
const { once } = require("node:events");
const { readFileSync, writeFileSync } = require("node:fs");
const net = require("node:net");
const { join } = require("node:path");
const { parseArgs } = require("node:util");
const { requestCases, queueDepths, requestBytes } = require("./cases.js");
const { spread, table, insert, chart } = require("./report.js");

/**
 * @typedef {import("./cases.js").Case} Case
 * @typedef {import("./report.js").Row} Row
 * @typedef {import("node:child_process").ChildProcess} ChildProcess
 * @typedef {{ requests: number, seconds: number, cpu: number, peak: number }} Round
 */

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "50" },
    seconds: { type: "string", default: "0.2" },
    save: { type: "boolean", default: false },
  },
});
/** How many pairs of processes share the rounds: each process has its own luck with memory and compiler. */
const PAIRS = 5;
const ROUNDS = Math.ceil(Number(options.rounds) / PAIRS) * PAIRS;
const SECONDS = Number(options.seconds);
/** How often a server is started and closed in a round. */
const CYCLES = 20;
/** How many clients stay while the memory of each is measured, and how often that is done: a process is new each time. */
const HELD = 8000;
const HELD_ROUNDS = 7;
/** @type {("bare" | "library")[]} */
const SIDES = ["bare", "library"];
/** Rounds of each process before it is measured: a second, for the compiler. */
const WARM_UP = Math.ceil(1 / SECONDS);
const PAGE = join(__dirname, "../../docs/benchmark.md");
const CHART = join(__dirname, "../../docs/benchmark.svg");

/** @param {string} file @param {...string} args */
function start(file, ...args) {
  return fork(join(__dirname, file), args, { serialization: "advanced", execArgv: [] });
}

/** The next message of a process; a process that ends before it ends the benchmark. @param {ChildProcess} child @returns {Promise<any>} */
function next(child) {
  return new Promise((resolve, reject) => {
    const died = (/** @type {number | null} */ code) =>
      reject(new Error(`a process of the benchmark ended with ${code}`));
    child.once("exit", died);
    child.once("message", (message) => {
      child.off("exit", died);
      resolve(message);
    });
  });
}

/** @param {ChildProcess} child @param {object} message @returns {Promise<any>} */
function ask(child, message) {
  child.send(message);
  return next(child);
}

/** @param {string} text */
function progress(text) {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : "");
}

/** @param {string} name @param {number} round */
function showRound(name, round) {
  progress(`${name}: round ${round + 1} of ${ROUNDS}`);
}

/**
 * The whole answer to one request.
 * @param {number} port
 * @param {Buffer} request
 * @returns {Promise<Buffer>}
 */
function answerTo(port, request) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write(request));
    /** @type {Buffer[]} */
    const chunks = [];
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      const answer = Buffer.concat(chunks);
      const end = answer.indexOf("\r\n\r\n") + 4;
      if (end < 4) return;
      const length = /^content-length: (\d+)\r$/im.exec(answer.toString("latin1", 0, end));
      if (length === null) return reject(new Error("the answer has no Content-Length"));
      if (answer.length < end + Number(length[1])) return;
      socket.destroy();
      resolve(answer);
    });
  });
}

/** An answer as far as it has to be the same on both sides: header lines in any order and letter case. @param {Buffer} answer */
function essence(answer) {
  const end = answer.indexOf("\r\n\r\n");
  const [status, ...lines] = answer.toString("latin1", 0, end).split("\r\n");
  const headers = lines.map((line) =>
    line.replace(/^[^:]+/, (name) => name.toLowerCase()).replace(/^date: .*/, "date"),
  );
  return [status, ...headers.sort(), answer.toString("latin1", end + 4)].join("\n");
}

/**
 * A pair of processes, one for each side, that is driven in turn.
 * @typedef {object} Pair
 * @property {(side: "bare" | "library") => Promise<Round>} run
 * @property {() => void} stop
 */

/**
 * Drives the two sides in turn, the order turned round after every round, and begins with new processes now and then.
 * @param {string} name
 * @param {() => Promise<Pair>} startPair
 */
async function inTurn(name, startPair) {
  /** @type {{ bare: Round[], library: Round[] }} */
  const rounds = { bare: [], library: [] };
  while (rounds.bare.length < ROUNDS) {
    progress(`${name}: warming up`);
    const { run, stop } = await startPair();
    for (let i = 0; i < WARM_UP; i++) {
      await run("bare");
      await run("library");
    }
    for (let i = 0; i < ROUNDS / PAIRS; i++) {
      showRound(name, rounds.bare.length);
      for (const side of rounds.bare.length % 2 === 0 ? SIDES : SIDES.toReversed()) rounds[side].push(await run(side));
    }
    stop();
  }
  return rounds;
}

/** @param {{ bare: Round[], library: Round[] }} rounds */
function ratios({ bare, library }) {
  const speed = (/** @type {Round} */ round) => round.requests / round.seconds;
  const cost = (/** @type {Round} */ round) => round.cpu / round.requests;
  const peak = (/** @type {Round} */ round) => round.peak;
  return {
    speed: spread(library.map((round, i) => speed(round) / speed(bare[i]))),
    cpu: spread(library.map((round, i) => cost(bare[i]) / cost(round))),
    memory: spread(library.map((round, i) => peak(round) / peak(bare[i]))),
    speeds: { bare: spread(bare.map(speed)).median, library: spread(library.map(speed)).median },
    costs: { bare: spread(bare.map(cost)).median, library: spread(library.map(cost)).median },
    peaks: { bare: spread(bare.map(peak)).median, library: spread(library.map(peak)).median },
  };
}

/**
 * The two servers of a case, and a load generator.
 * @param {Case} one
 * @param {(generator: number, bytes: number) => void} tell what part of a core the generator used, and an answer's length
 * @returns {Promise<Pair>}
 */
async function startServers(one, tell) {
  const request = requestBytes(one);
  const sides = { bare: start("server.js", one.name, "bare"), library: start("server.js", one.name, "library") };
  const load = start("load.js");
  const ports = { bare: (await next(sides.bare)).port, library: (await next(sides.library)).port };
  const answers = { bare: await answerTo(ports.bare, request), library: await answerTo(ports.library, request) };
  if (essence(answers.bare) !== essence(answers.library))
    throw new Error(`${one.name}: the two sides answer differently`);
  return {
    async run(side) {
      const target = { port: ports[side], connections: one.connections, request, answerLength: answers[side].length };
      await ask(load, { command: "connect", ...target });
      const before = await ask(sides[side], { command: "begin" });
      const { requests, seconds, cpu } = await ask(load, { command: "run", seconds: SECONDS });
      const after = await ask(sides[side], { command: "end" });
      await ask(load, { command: "disconnect" });
      tell(cpu / 1e6 / seconds, answers[side].length);
      return { requests, seconds, cpu: after.cpu - before.cpu, peak: after.peak };
    },
    stop() {
      for (const child of [sides.bare, sides.library, load]) child.kill();
    },
  };
}

/** @param {Case} one @returns {Promise<Row>} */
async function runRequests(one) {
  /** @type {number[]} */
  const generator = [];
  let bytes = one.body;
  const rounds = await inTurn(one.name, () =>
    startServers(one, (used, length) => {
      generator.push(used);
      bytes = Math.max(bytes, length);
    }),
  );
  const { speed, cpu, memory, speeds, costs, peaks } = ratios(rounds);
  const amount = (/** @type {number} */ perSecond) =>
    bytes >= 2 ** 20 ? `${((perSecond * bytes) / 2 ** 20).toFixed(0)} MiB/s` : `${thousands(perSecond)}/s`;
  const words = (/** @type {"bare" | "library"} */ side) =>
    `${amount(speeds[side])}, ${costs[side].toFixed(1)} µs, ${(peaks[side] / 2 ** 20).toFixed(0)} MiB`;
  progress("");
  process.stderr.write(
    `${one.name}: speed ${speed.median.toFixed(2)}, CPU ${cpu.median.toFixed(2)}, load generator ${(spread(generator).median * 100).toFixed(0)} % of a core\n`,
  );
  return {
    name: one.name,
    title: one.title,
    speed,
    cpu,
    memory,
    bare: words("bare"),
    library: words("library"),
    bar: barText(one.bar),
  };
}

/** @param {import("./cases.js").Bar} [bar] */
function barText(bar) {
  if (bar === undefined) return "";
  const speed = `speed ≥ ${bar.speed?.toFixed(2)}`;
  return bar.memory === undefined ? speed : `${speed}, memory ≤ ${bar.memory.toFixed(2)}`;
}

/** @param {number} value */
function thousands(value) {
  return Math.round(value).toLocaleString("en-US");
}

/** @returns {Promise<Row[]>} */
async function runStart() {
  const rounds = await inTurn("start", async () => {
    const sides = { bare: start("start-close.js", "bare"), library: start("start-close.js", "library") };
    return {
      run: (side) => ask(sides[side], { cycles: CYCLES }),
      stop() {
        sides.bare.kill();
        sides.library.kill();
      },
    };
  });
  const { speed, cpu, memory, speeds, costs } = ratios(rounds);
  const words = (/** @type {"bare" | "library"} */ side) =>
    `${(1000 / speeds[side]).toFixed(2)} ms, ${(costs[side] / 1000).toFixed(2)} ms of CPU`;
  const title = "start on a free port, one fetch, close";
  return [
    {
      name: "start",
      title,
      speed,
      cpu,
      memory,
      bare: words("bare"),
      library: words("library"),
      bar: "speed ≥ 0.91 (time ≤ 1.1)",
    },
  ];
}

/** @returns {Promise<Row[]>} */
async function runLoad() {
  const times = [];
  for (let i = 0; i < ROUNDS; i++) {
    showRound("load", i);
    const child = start("load-time.js");
    times.push((await next(child)).milliseconds);
    child.kill();
  }
  const { low, median, high } = spread(times);
  const library = `${median.toFixed(1)} ms (${low.toFixed(1)}–${high.toFixed(1)})`;
  return [
    {
      name: "load",
      title: "load the package, node:http being loaded",
      bare: "–",
      library,
      bar: "≤ a third of supertest",
    },
  ];
}

/** @returns {Promise<Row[]>} */
async function runQueue() {
  /** @type {Row[]} */
  const rows = [];
  for (const depth of queueDepths) {
    progress(`queue: ${thousands(depth)} requests`);
    const child = start("queue-depth.js");
    const { low, median, high } = spread((await ask(child, { depth })).costs);
    child.kill();
    const library = `${median.toFixed(2)} µs (${low.toFixed(2)}–${high.toFixed(2)})`;
    const title = `one accept, ${thousands(depth)} ${depth === 1 ? "request" : "requests"} waiting`;
    rows.push({ name: `queue-${depth}`, title, bare: "–", library, bar: "flat" });
  }
  return rows;
}

/**
 * What one more client costs a server, in bytes of the process.
 * @param {"bare" | "library"} side
 * @param {string} kind
 */
async function costOfClient(side, kind) {
  // Else the young generation doubles now and then, on one side sooner than on the other, which hides what is measured.
  const child = fork(join(__dirname, "held.js"), [side, kind], {
    execArgv: ["--expose-gc", "--max-semi-space-size=1"],
  });
  const { port } = await next(child);
  /** @type {net.Socket[]} */
  const sockets = [];
  const open = async (/** @type {number} */ count) => {
    while (sockets.length < count) {
      const socket = net.connect(port, "127.0.0.1");
      sockets.push(socket);
      socket.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
      await once(socket, kind === "idle" ? "data" : "connect");
    }
    return (await ask(child, { clients: count })).bytes;
  };
  // The first ones pay for code and pools that the others share.
  const before = await open(HELD / 4);
  const bytes = (await open(HELD * 1.25)) - before;
  for (const socket of sockets) socket.destroy();
  child.kill();
  return bytes / HELD;
}

/** @param {string} kind @param {string} title @returns {Promise<Row[]>} */
async function runHeld(kind, title) {
  const costs = { bare: /** @type {number[]} */ ([]), library: /** @type {number[]} */ ([]) };
  for (let i = 0; i < HELD_ROUNDS; i++) {
    progress(`held-${kind}: round ${i + 1} of ${HELD_ROUNDS}`);
    for (const side of SIDES) costs[side].push(await costOfClient(side, kind));
  }
  const words = (/** @type {"bare" | "library"} */ side) =>
    `${(spread(costs[side]).median / 1024).toFixed(1)} KiB each`;
  const memory = spread(costs.library.map((cost, i) => cost / costs.bare[i]));
  return [
    { name: `held-${kind}`, title, memory, bare: words("bare"), library: words("library"), bar: "memory ≤ 1.10" },
  ];
}

/** @type {Map<string, () => Promise<Row[]>>} */
const runs = new Map(requestCases.map((one) => [one.name, async () => [await runRequests(one)]]));
runs.set("held-idle", () => runHeld("idle", `one more idle connection, of ${thousands(HELD)}`));
runs.set("held-queued", () => runHeld("queued", `one more request that waits, of ${thousands(HELD)}`));
runs.set("queue", runQueue).set("start", runStart).set("load", runLoad);

async function main() {
  const unknown = positionals.filter((name) => !runs.has(name));
  if (unknown.length > 0)
    throw new Error(`no case is called ${unknown.join(", ")}; there are ${[...runs.keys()].join(", ")}`);

  /** @type {Row[]} */
  const rows = [];
  for (const [name, run] of runs) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    rows.push(...(await run()));
    progress("");
  }
  const { node } = process.versions;
  const result = table(
    rows,
    node,
    `${ROUNDS} rounds of ${SECONDS} s each side, in turn, by ${PAIRS} pairs of processes`,
  );
  process.stdout.write(result);
  if (!options.save) return;
  const page = insert(readFileSync(PAGE, "utf8"), node.split(".")[0], result);
  writeFileSync(PAGE, page);
  writeFileSync(CHART, chart(page));
}

void main();
