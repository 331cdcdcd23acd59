import type net from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { newAsyncHttpServer, type AsyncHttpServer, type Request } from "../../lib/index";
import { deferred, get } from "./servers";
import { closed, dial, talk } from "./sockets";

const chunk = Buffer.alloc(65_536, "s");
/** More than both kernels hold, so that a response to a client that does not read stays unfinished. */
const big = Buffer.alloc(24 * 1024 * 1024, "b");

/** A server that keeps account of everything that could leak or be lost. */
export class FaultApp {
  readonly server: AsyncHttpServer;
  readonly errors: unknown[] = [];
  /** Handlers that were run, and how many of their calls of `respond` have settled. */
  ran = 0;
  settled = 0;
  /** Endless responses that were begun, and how many were told that nobody reads them. */
  streams = 0;
  returned = 0;
  /** Resolved when the signal of a request is aborted. */
  readonly aborted = deferred();
  /** Resolved when a request for `/hold` runs; its handler goes on when `released` is resolved. */
  running = deferred();
  released = deferred();
  readonly #open = new Set<net.Socket>();
  #quiet: (() => void) | undefined;

  constructor(server = newAsyncHttpServer({ onError: (error) => this.errors.push(error) })) {
    this.server = server;
    server.node.on("connection", (socket) => {
      this.#open.add(socket);
      socket.on("close", () => {
        this.#open.delete(socket);
        this.#check();
      });
    });
  }

  /** Settles when no connection is open and every `respond` has settled. */
  quiet(): Promise<void> {
    return new Promise((resolve) => {
      this.#quiet = resolve;
      this.#check();
    });
  }

  readonly callback = async (request: Request): Promise<void> => {
    this.ran++;
    request.signal.addEventListener("abort", this.aborted.resolve);
    const { path } = request.url;
    if (path === "/hold") {
      this.running.resolve();
      await this.released.promise;
    }
    await request.respond(200, path === "/stream" ? this.#endless() : path === "/big" ? big : "ok");
    this.settled++;
    this.#check();
  };

  async *#endless(): AsyncGenerator<Buffer> {
    this.streams++;
    try {
      for (;;) yield chunk;
    } finally {
      this.returned++;
      this.#check();
    }
  }

  #check(): void {
    const quiet = this.#open.size === 0 && this.settled === this.ran && this.returned === this.streams;
    if (quiet) this.#quiet?.();
  }

  /** What must be so once everybody is gone. */
  async expectNothingLeft(): Promise<void> {
    await this.quiet();
    const connections = await new Promise((resolve) => this.server.node.getConnections((_, count) => resolve(count)));
    expect({ connections, settled: this.settled, returned: this.returned, errors: this.errors }).toEqual({
      connections: 0,
      settled: this.ran,
      returned: this.streams,
      errors: [],
    });
    expect(await statusOf(this.server.getPort())).toBe(200);
  }
}

/** The status of a good request on a connection of its own. */
export async function statusOf(port: number): Promise<number> {
  const text = await talk(port, get("/good", "Connection: close"));
  return Number(text.slice(9, 12));
}

const head = "POST /up HTTP/1.1\r\nHost: h\r\n";

/** Where a request can break off. */
export const inMidRequest: ReadonlyArray<[where: string, bytes: string]> = [
  ["before the first byte", ""],
  ["in the request line", "GET /ab"],
  ["in a header field", `${head}Content-Le`],
  ["between two header fields", head],
  ["behind the head", `${head}Content-Length: 10\r\n\r\n`],
  ["in the body", `${head}Content-Length: 10\r\n\r\n12345`],
  ["in a large body", `${head}Content-Length: 4000000\r\n\r\n${"x".repeat(200_000)}`],
  ["in a chunk size", `${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1`],
  ["in a chunk", `${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhel`],
  ["in a trailer", `${head}Transfer-Encoding: chunked\r\n\r\n0\r\nX-Tra`],
  ["behind Expect: 100-continue", `${head}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`],
  ["behind a whole request", `${get("/a")}${head}Content-Length: 10\r\n\r\n123`],
  ["behind a refused one", `${head}Content-Length: 99999999\r\n\r\nxxx`],
  ["behind a broken one", "GE\0T / HTTP/1.1\r\n\r\nmore"],
  ["behind an upgrade request", get("/w", "Connection: upgrade", "Upgrade: x") + head],
];

/** What a client can be answered when it disconnects. */
export const inMidResponse: ReadonlyArray<[what: string, bytes: string]> = [
  ["an endless stream", get("/stream")],
  ["an endless stream to HTTP/1.0", "GET /stream HTTP/1.0\r\n\r\n"],
  ["a large response", get("/big")],
  ["a large response with others behind it", get("/big") + get("/a").repeat(2)],
  ["an endless stream behind a response", get("/a") + get("/stream") + get("/a")],
  ["an endless stream to an upgrade request", get("/stream", "Connection: upgrade", "Upgrade: x")],
];

/** How a client can disconnect. */
export const disconnections: ReadonlyArray<[how: string, disconnect: (socket: net.Socket) => void]> = [
  ["resets", (socket) => void socket.resetAndDestroy()],
  ["closes", (socket) => void socket.destroy()],
];

/** One client that breaks off its request; every other one only when the server must have read it. */
export async function breakRequest(
  app: FaultApp,
  bytes: string,
  disconnect: (socket: net.Socket) => void,
  read: boolean,
): Promise<void> {
  const port = app.server.getPort();
  const socket = await dial(port);
  await new Promise<void>((resolve) => {
    socket.write(bytes, "latin1", () => resolve());
  });
  if (read) await statusOf(port);
  disconnect(socket);
  await closed(socket);
}

/** One client that disconnects behind the first bytes of its response, or behind the one that comes before it. */
export async function breakResponse(
  app: FaultApp,
  bytes: string,
  disconnect: (socket: net.Socket) => void,
): Promise<void> {
  const socket = await dial(app.server.getPort());
  socket.write(bytes);
  await new Promise((resolve) => socket.once("data", resolve));
  socket.pause();
  disconnect(socket);
  await closed(socket);
}

/** How a handler can fail, what of it the client sees, and what is thrown. */
export const failures: ReadonlyArray<
  [how: string, callback: (request: Request) => unknown, response: RegExp, thrown: unknown]
> = [
  [
    "throws",
    fail(() => {
      throw new Error("e");
    }),
    /^HTTP\/1\.1 500 /,
    new Error("e"),
  ],
  [
    "throws a string",
    fail(() => {
      throw "text";
    }),
    /^HTTP\/1\.1 500 /,
    "text",
  ],
  [
    "throws undefined",
    fail(() => {
      throw undefined;
    }),
    /^HTTP\/1\.1 500 /,
    undefined,
  ],
  [
    "throws null",
    fail(() => {
      throw null;
    }),
    /^HTTP\/1\.1 500 /,
    null,
  ],
  [
    "throws 0",
    fail(() => {
      throw 0;
    }),
    /^HTTP\/1\.1 500 /,
    0,
  ],
  [
    "throws a frozen object",
    fail(() => {
      throw Object.freeze({ a: 1 });
    }),
    /^HTTP\/1\.1 500 /,
    { a: 1 },
  ],
  [
    "rejects before it waits",
    fail(async () => {
      throw new Error("e");
    }),
    /^HTTP\/1\.1 500 /,
    new Error("e"),
  ],
  ["rejects with nothing", fail(() => Promise.reject()), /^HTTP\/1\.1 500 /, undefined],
  [
    "rejects between two waits",
    fail(async () => {
      await turn();
      await turn();
      throw new Error("e");
    }),
    /^HTTP\/1\.1 500 /,
    new Error("e"),
  ],
  [
    "gives a thenable that rejects",
    fail(() => ({ then: (_: unknown, no: (e: string) => void) => no("late") })),
    /^HTTP\/1\.1 500 /,
    "late",
  ],
  [
    "gives a thenable that throws",
    fail(() => ({
      then() {
        throw new Error("e");
      },
    })),
    /^HTTP\/1\.1 500 /,
    new Error("e"),
  ],
  [
    "gives an object whose then throws",
    fail(() => ({
      get then() {
        throw new Error("e");
      },
    })),
    /^HTTP\/1\.1 500 /,
    new Error("e"),
  ],
  [
    "throws while it answers",
    (request) => {
      void request.respond(200, "fine");
      throw new Error("e");
    },
    /^HTTP\/1\.1 200 .*fine$/s,
    new Error("e"),
  ],
  [
    "rejects after the response",
    async (request) => {
      await request.respond(200, "fine");
      throw new Error("e");
    },
    /^HTTP\/1\.1 200 .*fine$/s,
    new Error("e"),
  ],
  [
    "rejects a while after the response",
    async (request) => {
      await request.respond(200, "fine");
      await turn();
      throw new Error("e");
    },
    /^HTTP\/1\.1 200 .*fine$/s,
    new Error("e"),
  ],
  [
    "rejects after sendHeaders",
    async (request) => {
      await request.sendHeaders({});
      throw new Error("e");
    },
    /^HTTP\/1\.1 200 (?:(?!0\r\n\r\n$).)*$/s,
    new Error("e"),
  ],
  [
    "rejects in its stream",
    (request) => request.respond(200, failing()),
    /^HTTP\/1\.1 200 .*some(?:(?!0\r\n\r\n$).)*$/s,
    new Error("e"),
  ],
];

function fail(callback: () => unknown): (request: Request) => unknown {
  return callback;
}

async function* failing(): AsyncGenerator<string> {
  yield "some";
  await turn();
  throw new Error("e");
}
