"use strict";
// What is measured: each case is the same work done by bare node:http and by this library.

/**
 * @typedef {object} Case
 * @property {string} name what `npm run bench -- NAME` runs
 * @property {string} title what the table says
 * @property {"bare" | "serve" | "loop" | "iterate"} accept how the library is asked for its requests; "bare": not at all
 * @property {"hello" | "echo" | "gather" | "measure" | "pipe" | "large" | "headers"} handler what is done with a request, see server.js
 * @property {boolean} [stream] is the library asked to hand out requests at their head?
 * @property {number} connections
 * @property {number} body bytes of a request's body
 * @property {number} headers header lines of a request besides Host
 * @property {number} reads how many of them the handler reads
 * @property {Bar} [bar]
 */

/**
 * What the contract asks for: ratios of the library to bare.
 * @typedef {object} Bar
 * @property {number} [speed] at least
 * @property {number} [memory] at most
 */

/** @type {Omit<Case, "name" | "title">} */
const hello = { accept: "serve", handler: "hello", connections: 64, body: 0, headers: 0, reads: 0 };
const KIB = 1024;
const MIB = 1024 * KIB;

/** @type {Case[]} */
const requestCases = [
  { ...hello, name: "noise", title: "bare against bare: what the machine adds", accept: "bare" },
  { ...hello, name: "get-serve", title: "Hello World by `serve`, 64 connections", bar: { speed: 0.97 } },
  { ...hello, name: "get-loop", title: "Hello World by the Nim loop", accept: "loop", bar: { speed: 0.95 } },
  { ...hello, name: "get-iterate", title: "Hello World by `for await`", accept: "iterate", bar: { speed: 0.95 } },
  { ...hello, name: "post-1k", title: "POST 1 KiB, echoed", handler: "echo", body: KIB, bar: { speed: 1.05 } },
  {
    ...hello,
    name: "post-1k-read",
    title: "POST 1 KiB, streamed, echoed by `readBody()`",
    handler: "gather",
    stream: true,
    body: KIB,
  },
  { ...hello, name: "post-64k", title: "POST 64 KiB, echoed", handler: "echo", body: 64 * KIB },
  {
    ...hello,
    name: "upload-8m",
    title: "POST 8 MiB, 4 connections",
    handler: "measure",
    connections: 4,
    body: 8 * MIB,
    bar: { speed: 1, memory: 1 },
  },
  {
    ...hello,
    name: "upload-8m-pipe",
    title: "POST 8 MiB, streamed, piped, 4 connections",
    handler: "pipe",
    stream: true,
    connections: 4,
    body: 8 * MIB,
    bar: { speed: 1, memory: 1 },
  },
  { ...hello, name: "answer-1m", title: "answer of 1 MiB, 16 connections", handler: "large", connections: 16 },
  { ...hello, name: "connections-1", title: "Hello World, 1 connection", connections: 1 },
  { ...hello, name: "connections-1000", title: "Hello World, 1,000 connections", connections: 1000 },
  { ...hello, name: "connections-5000", title: "Hello World, 5,000 connections", connections: 5000 },
  { ...hello, name: "headers-0", title: "20 request headers, none read", handler: "headers", headers: 20 },
  { ...hello, name: "headers-20", title: "20 request headers, all read", handler: "headers", headers: 20, reads: 20 },
];

/** How many requests wait while the cost of an accept is taken. */
const queueDepths = [1, 10, 100, 1000, 10_000, 100_000];

/**
 * The names of the header lines that a request carries.
 * @param {number} count
 */
function headerNames(count) {
  return Array.from({ length: count }, (_, i) => `X-Header-${i}`);
}

/**
 * One request of a case, as it goes over the wire.
 * @param {Case} one
 */
function requestBytes({ headers, body }) {
  const lines = [body === 0 ? "GET / HTTP/1.1" : "POST / HTTP/1.1", "Host: 127.0.0.1"];
  for (const name of headerNames(headers)) lines.push(`${name}: the value of ${name}`);
  if (body > 0) lines.push(`Content-Length: ${body}`);
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), Buffer.alloc(body, "x")]);
}

module.exports = { requestCases, queueDepths, headerNames, requestBytes };
