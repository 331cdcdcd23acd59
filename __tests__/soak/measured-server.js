"use strict";
// A server in a process of its own, so that the memory and the descriptors that are measured are the server's alone.
// The first argument says what to serve (`ServerOptions` of server-process.ts); questions come and are answered over IPC.

const { openSync, closeSync, createWriteStream, readdirSync, readFileSync } = require("node:fs");
const { mkdtemp, rm, stat } = require("node:fs/promises");
const { createServer } = require("node:http");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { pipeline } = require("node:stream/promises");
const { newAsyncHttpServer } = require("../../dist/index.js");

const {
  kind,
  accept,
  http,
  maxBody,
  stream,
  upstream,
  timeout,
  track,
  answerBytes = 2,
  delay = 0,
} = JSON.parse(process.argv[2]);
const content = Buffer.alloc(answerBytes, "a");
const counts = { ran: 0, settled: 0, errors: 0, warnings: 0, served: 0 };
const hoard = [];
const limits = readFileSync("/proc/self/limits", "latin1");
/** Begins with the first question, because Node opens a file to look, which a server without descriptors cannot. */
let sampling;
const peak = { rss: 0, inUse: 0 };

process.on("warning", () => counts.warnings++);

async function answer(request) {
  counts.ran++;
  if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
  const { path } = request.url;
  if (uploads[path] !== undefined) return uploads[path](request);
  if (path === "/throw") throw new Error("thrown by the callback");
  const parts = path === "/stream" ? pieces() : content;
  await request.respond(200, parts);
  counts.settled++;
}

/** What a streamed body is for. */
const uploads = {
  async "/disk"(request) {
    const folder = await mkdtemp(join(tmpdir(), "soak-"));
    const file = join(folder, "upload");
    try {
      await pipeline(request.bodyStream, createWriteStream(file));
      await request.respond(200, String((await stat(file)).size), { Connection: "close" });
    } finally {
      await rm(folder, { recursive: true });
    }
  },
  async "/count"(request) {
    let bytes = 0;
    for await (const chunk of request.bodyStream) bytes += chunk.length;
    await request.respond(200, String(bytes));
  },
  async "/proxy"(request) {
    // Without the last two, Node's fetch keeps the whole body, for a redirect.
    const init = { method: "POST", body: request.bodyStream, duplex: "half", redirect: "error", window: null };
    const response = await fetch(`http://127.0.0.1:${upstream}/count`, init);
    await request.respond(response.status, await response.text(), { Connection: "close" });
  },
  async "/refuse"(request) {
    await request.respond(401, "who?");
  },
  async "/refuse/later"(request) {
    for await (const _ of request.bodyStream) break;
    await request.respond(401, "who?");
  },
};

async function* pieces() {
  for (let i = 0; i < 4; i++) yield content;
}

function bare() {
  const server = createServer(
    { keepAliveTimeout: 65_000, connectionsCheckingInterval: 5_000, ...http },
    (request, response) => {
      request.resume();
      response.writeHead(200, { "content-length": content.length });
      response.end(content);
    },
  );
  return { node: server, listen: () => new Promise((resolve) => server.listen(0, "127.0.0.1", resolve)) };
}

function ours() {
  return newAsyncHttpServer({ http, maxBody, stream, onError: () => counts.errors++ });
}

const server = kind === "bare" ? bare() : ours();
if (timeout !== undefined) server.node.timeout = timeout;
// Weak, and no listener: what keeps an eye on connections must not be part of what they are measured to cost.
const sockets = [];
if (track === true) server.node.on("connection", (socket) => sockets.push(new WeakRef(socket)));

function openSockets() {
  return sockets.map((each) => each.deref()).filter((socket) => socket !== undefined && !socket.destroyed);
}

async function loop() {
  for (;;) {
    if (server.shouldAcceptRequest()) await server.acceptRequest(answer);
    else await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const acceptors = {
  nobody: async () => undefined,
  serve: () => server.serve(answer),
  loop,
};

/** What is in use is known only after a collection: garbage waits for one longer on a machine that is slow. */
function sample() {
  peak.rss = Math.max(peak.rss, process.memoryUsage.rss());
  globalThis.gc();
  peak.inUse = Math.max(peak.inUse, inUse(process.memoryUsage()));
}

function inUse({ heapUsed, external }) {
  return heapUsed + external;
}

function openDescriptors() {
  return readdirSync("/proc/self/fd").length - 1;
}

const answers = {
  async memory() {
    sampling ??= setInterval(sample, 50).unref();
    for (let i = 0; i < 3; i++) {
      globalThis.gc();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const now = process.memoryUsage();
    Object.assign(peak, { rss: now.rss, inUse: inUse(now) });
    return { rss: now.rss, inUse: inUse(now), heapUsed: now.heapUsed };
  },
  async peak() {
    sample();
    return { ...peak };
  },
  async counts() {
    const connections = await new Promise((resolve) => server.node.getConnections((_error, count) => resolve(count)));
    return { ...counts, connections };
  },
  /** Does the client with this port still have its connection? */
  async isConnected(port) {
    return openSockets().some((socket) => socket.remotePort === port);
  },
  async accept(how) {
    acceptors[how]().then(
      () => counts.served++,
      () => counts.served++,
    );
  },
  /** Opens so many files, or as many as the limit allows. */
  async hoard(count) {
    try {
      while (hoard.length < count) hoard.push(openSync("/dev/null"));
    } catch (error) {
      if (error.code !== "EMFILE") throw error;
    }
    return hoard.length;
  },
  async release(left) {
    while (hoard.length > left) closeSync(hoard.pop());
    return hoard.length;
  },
  /** What the server says, and what is true. */
  async room(assumed) {
    const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)[1]);
    const says = server.shouldAcceptRequest(assumed);
    return { says, open: openDescriptors(), limit };
  },
  /** Opens what was assumed, each time that the server says there is room for it. */
  async useRoom(assumed) {
    let refused = 0;
    while (refused === 0 && server.shouldAcceptRequest(assumed)) {
      const before = hoard.length;
      await answers.hoard(before + assumed);
      refused = before + assumed - hoard.length;
    }
    return { refused, opened: hoard.length };
  },
  /** Bytes that were read from all connections that are open. */
  async received() {
    return openSockets().reduce((sum, { bytesRead }) => sum + bytesRead, 0);
  },
  async close() {
    await server.close();
  },
};

process.on("message", ({ id, command, argument }) => {
  answers[command](argument).then(
    (value) => process.send({ id, value }),
    (error) => process.send({ id, error: String(error?.stack ?? error) }),
  );
});
process.on("disconnect", () => process.exit());

async function start() {
  if (accept === "within") {
    // The descriptors are minded only by the form that listens too.
    server.serve(0, answer, "127.0.0.1", 5).then(() => counts.served++);
    await new Promise((resolve) => server.node.once("listening", resolve));
  } else {
    await (kind === "bare" ? server.listen() : server.listen(0));
    if (kind !== "bare") void answers.accept(accept);
  }
  process.send({ port: server.node.address().port });
}

void start();
