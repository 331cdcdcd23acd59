"use strict";
// What is measured: each case is the same work done by bare node:http and by this library.

/**
 * @typedef {object} Case
 * @property {string} name what `npm run bench -- NAME` runs
 * @property {string} title what the table says
 * @property {"requests" | "start" | "load" | "load-jest" | "held" | "queue"} kind how it is measured
 * @property {string} unit what is counted, with its article
 * @property {"cpu" | "memory"} figure what decides
 * @property {boolean} absolute is the figure itself of interest, and no ratio to bare?
 * @property {RequestWork} [requests]
 * @property {"idle" | "queued"} [clients] what the clients do that are held
 * @property {number} [depth] how many requests wait in the queue
 *
 * @typedef {object} RequestWork
 * @property {"serve" | "loop" | "iterate"} accept how the library is asked for its requests
 * @property {"hello" | "json" | "echo" | "gather" | "measure" | "pipe" | "large" | "headers"} handler see server.js
 * @property {boolean} stream is the library asked to hand out requests at their head?
 * @property {number} connections
 * @property {number} body bytes of a request's body
 * @property {number} headers header lines of a request besides Host
 * @property {number} reads how many of them the handler reads
 */

const KIB = 1024;
const MIB = 1024 * KIB;
/** How many clients stay while the memory of each is measured. */
const HELD = 4000;

/**
 * @param {string} name
 * @param {string} title
 * @param {Partial<RequestWork>} work what is not Hello World by `serve` on 64 connections
 * @returns {Case}
 */
function requestCase(name, title, work) {
  /** @type {RequestWork} */
  const hello = { accept: "serve", handler: "hello", stream: false, connections: 64, body: 0, headers: 0, reads: 0 };
  return {
    name,
    title,
    kind: "requests",
    unit: "a request",
    figure: "cpu",
    absolute: false,
    requests: { ...hello, ...work },
  };
}

/** @param {"idle" | "queued"} clients @param {string} title @returns {Case} */
function heldCase(clients, title) {
  return { name: `held-${clients}`, title, kind: "held", unit: "a client", figure: "memory", absolute: false, clients };
}

/** @param {number} depth @returns {Case} */
function queueCase(depth) {
  const title = `one accept, ${depth.toLocaleString("en-US")} waiting`;
  return { name: `queue-${depth}`, title, kind: "queue", unit: "an accept", figure: "cpu", absolute: true, depth };
}

/** @param {"load" | "load-jest"} kind @param {string} title @returns {Case} */
function loadCase(kind, title) {
  return { name: kind, title, kind, unit: "a load", figure: "cpu", absolute: true };
}

/** @type {Case[]} */
const cases = [
  requestCase("get-serve", "Hello World by `serve`, 64 connections", {}),
  requestCase("get-loop", "Hello World by the Nim loop", { accept: "loop" }),
  requestCase("get-iterate", "Hello World by `for await`", { accept: "iterate" }),
  requestCase("connections-1", "Hello World, one request at a time", { connections: 1 }),
  requestCase("connections-1000", "Hello World, 1,000 connections", { connections: 1000 }),
  requestCase("connections-5000", "Hello World, 5,000 connections", { connections: 5000 }),
  requestCase("headers-0", "20 request headers, none read", { handler: "headers", headers: 20 }),
  requestCase("headers-20", "20 request headers, all read", { handler: "headers", headers: 20, reads: 20 }),
  requestCase("json", "`respondJson` of a small object", { handler: "json" }),
  requestCase("post-1k", "POST 1 KiB, echoed", { handler: "echo", body: KIB }),
  requestCase("post-1k-read", "POST 1 KiB, streamed, `readBody()`", { handler: "gather", stream: true, body: KIB }),
  requestCase("post-64k", "POST 64 KiB, echoed", { handler: "echo", body: 64 * KIB }),
  requestCase("upload-8m", "POST 8 MiB, 4 connections", { handler: "measure", connections: 4, body: 8 * MIB }),
  requestCase("upload-8m-pipe", "POST 8 MiB, streamed, piped, 4 connections", {
    handler: "pipe",
    stream: true,
    connections: 4,
    body: 8 * MIB,
  }),
  requestCase("response-1m", "response of 1 MiB, 16 connections", { handler: "large", connections: 16 }),
  {
    name: "start",
    title: "start on a free port, one fetch, close",
    kind: "start",
    unit: "a start, fetch and close",
    figure: "cpu",
    absolute: false,
  },
  loadCase("load", "load `asynchttpserver/testing` in a process"),
  loadCase("load-jest", "load `asynchttpserver/testing` in a Jest test file"),
  heldCase("idle", "one more idle connection, of 4,000"),
  heldCase("queued", "one more request that waits, of 4,000"),
  ...[1, 10, 100, 1000, 10_000, 100_000].map(queueCase),
];

/** @param {string} name */
function caseNamed(name) {
  return /** @type {Case} */ (cases.find((one) => one.name === name));
}

/**
 * The names of the header lines that a request carries.
 * @param {number} count
 */
function headerNames(count) {
  return Array.from({ length: count }, (_, i) => `X-Header-${i}`);
}

/**
 * One request of a case, as it goes over the wire.
 * @param {RequestWork} work
 */
function requestBytes({ headers, body }) {
  const lines = [body === 0 ? "GET / HTTP/1.1" : "POST / HTTP/1.1", "Host: 127.0.0.1"];
  for (const name of headerNames(headers)) lines.push(`${name}: the value of ${name}`);
  if (body > 0) lines.push(`Content-Length: ${body}`);
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), Buffer.alloc(body, "x")]);
}

module.exports = { cases, caseNamed, headerNames, requestBytes, HELD };
