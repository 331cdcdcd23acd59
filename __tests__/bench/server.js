"use strict";
// One side of one case in a process of its own: `server.js NAME bare|PACKAGE`, PACKAGE being a checkout that is built. It
// tells its port, and at the begin and the end of each turn what it has used of the machine.

const http = require("node:http");
const { Writable } = require("node:stream");
const { setTimeout: sleep } = require("node:timers/promises");
const { caseNamed, headerNames } = require("./cases.js");
const { loadPackage } = require("./package.js");
const { forgetPeak, peak } = require("./memory.js");

/**
 * @typedef {import("asynchttpserver").Request} Request
 * @typedef {import("asynchttpserver").AsyncHttpServer} AsyncHttpServer
 * @typedef {{ bare: http.RequestListener, library: (request: Request) => unknown }} Handlers
 */

const [, , name, side] = process.argv;
const work = /** @type {import("./cases.js").RequestWork} */ (caseNamed(name).requests);

const HELLO = "Hello World";
const VALUE = { id: 17, name: "Ann", admin: false };
const large = Buffer.alloc(1024 * 1024, "x");
const read = headerNames(work.reads);
const readLower = read.map((each) => each.toLowerCase());

/** @type {Record<string, Handlers>} */
const handlers = {
  hello: {
    bare: (_request, response) => {
      response.writeHead(200, { "Content-Length": HELLO.length });
      response.end(HELLO);
    },
    library: (request) => request.respond(200, HELLO),
  },
  json: {
    bare: (_request, response) => {
      const text = JSON.stringify(VALUE);
      response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
      response.end(text);
    },
    library: (request) => request.respondJson(200, VALUE),
  },
  echo: {
    bare: (request, response) => {
      gather(request, (body) => {
        response.writeHead(200, { "Content-Length": body.length });
        response.end(body);
      });
    },
    library: (request) => request.respond(200, request.rawBody),
  },
  gather: {
    bare: (request, response) => {
      gather(request, (body) => {
        response.writeHead(200, { "Content-Length": body.length });
        response.end(body);
      });
    },
    library: async (request) => request.respond(200, await request.readBody()),
  },
  pipe: {
    bare: (request, response) => {
      request.pipe(
        new Counter((count) => {
          response.writeHead(200, { "Content-Length": count.length });
          response.end(count);
        }),
      );
    },
    library: (request) => request.bodyStream.pipe(new Counter((count) => request.respond(200, count))),
  },
  measure: {
    bare: (request, response) => {
      gather(request, (body) => {
        const text = String(body.length);
        response.writeHead(200, { "Content-Length": text.length });
        response.end(text);
      });
    },
    library: (request) => request.respond(200, String(request.rawBody.length)),
  },
  large: {
    bare: (_request, response) => {
      response.writeHead(200, { "Content-Length": large.length });
      response.end(large);
    },
    library: (request) => request.respond(200, large),
  },
  headers: {
    bare: (request, response) => {
      let length = 0;
      for (const each of readLower) length += /** @type {string} */ (request.headers[each]).length;
      const text = String(length);
      response.writeHead(200, { "Content-Length": text.length });
      response.end(text);
    },
    library: (request) => {
      let length = 0;
      for (const each of read) length += /** @type {string} */ (request.headers.get(each)).length;
      return request.respond(200, String(length));
    },
  },
};

/** Where an upload goes that is not kept. */
class Counter extends Writable {
  #bytes = 0;

  /** @param {(count: string) => unknown} use is told how many bytes there were */
  constructor(use) {
    super();
    this.on("finish", () => use(String(this.#bytes)));
  }

  /** @param {Buffer} chunk @param {string} _encoding @param {() => void} done @override */
  _write(chunk, _encoding, done) {
    this.#bytes += chunk.length;
    done();
  }
}

/**
 * What people write by hand.
 * @param {http.IncomingMessage} request
 * @param {(body: Buffer) => void} use
 */
function gather(request, use) {
  /** @type {Buffer[]} */
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => use(Buffer.concat(chunks)));
}

/** @type {Record<string, (server: AsyncHttpServer, callback: (request: Request) => unknown) => Promise<void>>} */
const acceptors = {
  serve: (server, callback) => server.serve(callback),
  async loop(server, callback) {
    for (;;) {
      if (server.shouldAcceptRequest()) await server.acceptRequest(callback);
      else await sleep(500);
    }
  },
  async iterate(server, callback) {
    for await (const request of server) void callback(request);
  },
};

async function start() {
  const { bare, library } = handlers[work.handler];
  if (side === "bare") {
    // The library's own keep-alive time, because the response tells it to the client.
    const server = http.createServer({ keepAliveTimeout: 65_000 }, bare);
    server.listen(0, "127.0.0.1", () => tellPort(server));
    return;
  }
  const server = loadPackage(side).newAsyncHttpServer({ stream: work.stream });
  await server.listen(0);
  tellPort(server.node);
  await acceptors[work.accept](server, library);
}

/** @param {http.Server} server */
function tellPort(server) {
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  process.send?.({ port });
}

process.on("message", (/** @type {{ command: "begin" | "end" }} */ { command }) => {
  if (command === "begin") forgetPeak();
  const { user, system } = process.cpuUsage();
  process.send?.({ cpu: user + system, peak: peak() });
});
process.on("disconnect", () => process.exit());
void start();
