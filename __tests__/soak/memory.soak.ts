import type { Socket } from "node:net";
import { askMany, closeClients, connectSilent, get, meanwhile, readToEnd, several, until } from "./clients";
import { ServerProcess, stopServerProcesses, type Memory, type ServerOptions } from "./server-process";
import { inKiB, inMiB, KiB, MiB, report, size } from "./sizes";

const pipelined = size("SOAK_PIPELINED", 20_000, 20_000);
const idle = size("SOAK_IDLE", 2_000, 1_000);
const announcing = size("SOAK_ANNOUNCING", 1_000, 500);
const dripping = size("SOAK_DRIPPING", 500, 200);
const flat = size("SOAK_FLAT", 50_000, 20_000);

/** The documented timeouts, shortened. */
const timeouts = {
  headersTimeout: 2_000,
  requestTimeout: 3_000,
  keepAliveTimeout: 2_000,
  connectionsCheckingInterval: 100,
};

afterEach(async () => {
  closeClients();
  await stopServerProcesses();
});

function write(socket: Socket, data: string): Promise<void> {
  return new Promise((resolve) => {
    socket.write(data, "latin1", () => resolve());
  });
}

function connect(server: ServerProcess, count: number): Promise<Socket[]> {
  return several(count, 50, () => connectSilent(server.port));
}

/** How far memory went up: what was in use at its highest, and what the process held with the garbage of all requests. */
function growth(before: Memory, peak: Pick<Memory, "rss" | "inUse">): { inUse: number; text: string } {
  const inUse = peak.inUse - before.inUse;
  return { inUse, text: `+${inMiB(inUse)} in use (RSS +${inMiB(peak.rss - before.rss)})` };
}

const short = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const requests = short.repeat(pipelined);

test.each([
  ["2 bytes", 2],
  ["1 KiB", KiB],
  ["64 KiB", 64 * KiB],
])(
  `${pipelined} pipelined requests whose responses of %s are never read`,
  async (_, responseBytes) => {
    const server = await ServerProcess.start({
      accept: "serve",
      http: timeouts,
      timeout: 2_000,
      track: true,
      responseBytes,
    });
    await several(50, 10, () => get(server.port));
    const before = await server.memory();
    const socket = await connectSilent(server.port);
    void write(socket, requests);
    const ended = until(
      "the end of the connection",
      30_000,
      async () => !(await server.ask("isConnected", socket.localPort)),
    );
    const others = await meanwhile(server.port, ended);
    const peak = growth(before, await server.peak());
    const { ran } = await server.counts();
    report(
      `${ran - others.served - 50} run, peak ${peak.text}; others: ${others.served}, slowest ${others.slowest} ms`,
    );
    expect(peak.inUse).toBeLessThan(16 * MiB);
    await until("every response to be settled", 5_000, async () => (await server.counts()).settled === ran);
  },
  60_000,
);

test.each([
  // A connection is held back when it is read the next time, so the requests of one read wait: 64 KiB of them.
  ["requests of 27 bytes", short, 6 * MiB],
  ["requests of 1 KiB", short.replace("\r\n\r\n", `\r\nX: ${"x".repeat(990)}\r\n\r\n`), MiB],
  [
    "requests with a body of 60 KiB",
    `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 61440\r\n\r\n${"x".repeat(61_440)}`,
    MiB,
  ],
])(
  "a flood of pipelined %s on 10 connections while nobody accepts",
  async (_, request, limit) => {
    const flooding = 10;
    const packet = request.repeat(Math.ceil(MiB / request.length));
    const server = await ServerProcess.start({ accept: "nobody", track: true });
    const before = await server.memory();
    const sockets = await connect(server, flooding);
    // More than both kernels hold.
    for (const socket of sockets) for (let i = 0; i < 24; i++) socket.write(packet);
    const received = (): Promise<number> => server.ask("received");
    await until("the flood to be held back", 20_000, async () => {
      const bytes = await received();
      await new Promise((resolve) => setTimeout(resolve, 300));
      return bytes > 0 && (await received()) === bytes;
    });
    const taken = (await received()) / flooding;
    const held = await server.memory();
    const each = (held.inUse - before.inUse) / flooding;
    report(`${inKiB(taken)} taken and ${inMiB(each)} in use for each connection`);
    expect(sockets.filter((socket) => socket.writableLength === 0)).toEqual([]);
    expect(taken).toBeLessThan(256 * KiB);
    expect(each).toBeLessThan(limit);
    await server.ask("accept", "serve");
    expect(await get(server.port)).toBe(200);
    for (const socket of sockets) socket.destroy();
    await until("the end of every connection", 10_000, async () => (await server.counts()).connections === 0);
    const left = (await server.memory()).inUse - before.inUse;
    report(`${inMiB(left)} left when they are gone`);
    expect(left).toBeLessThan(4 * MiB);
    const { ran, settled } = await server.counts();
    expect(settled).toBe(ran);
  },
  60_000,
);

interface Cost {
  readonly rss: number;
  readonly heap: number;
}

/** What each of many idle connections costs, in bytes. */
async function idleCost(kind: ServerOptions["kind"], used: boolean): Promise<Cost> {
  const server = await ServerProcess.start({ ...(kind === undefined ? {} : { kind }), accept: "serve" });
  const open = async (): Promise<void> => {
    const socket = await connectSilent(server.port);
    if (!used) return;
    const answered = new Promise((resolve) => socket.once("data", resolve));
    await write(socket, short);
    socket.resume();
    await answered;
  };
  const connected = (count: number): Promise<void> =>
    until("all connections", 10_000, async () => (await server.counts()).connections === count);
  // The first ones pay for code and pools that the others share.
  await several(500, 50, open);
  await connected(500);
  const before = await server.memory();
  await several(idle, 50, open);
  await connected(500 + idle);
  const after = await server.memory();
  await server.stop();
  closeClients();
  return { rss: (after.rss - before.rss) / idle, heap: (after.heapUsed - before.heapUsed) / idle };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

test.each([
  ["have never asked", false],
  ["have asked once", true],
])(
  `${idle} idle connections that %s cost at most 1 KiB each beside what node:http takes`,
  async (_, used) => {
    const bare: Cost[] = [];
    const ours: Cost[] = [];
    for (let i = 0; i < 3; i++) {
      bare.push(await idleCost("bare", used));
      ours.push(await idleCost(undefined, used));
    }
    const [oursRss, bareRss] = [ours, bare].map((costs) => median(costs.map(({ rss }) => rss))) as [number, number];
    const [oursHeap, bareHeap] = [ours, bare].map((costs) => median(costs.map(({ heap }) => heap))) as [number, number];
    report(`heap ${inKiB(oursHeap)} each, bare ${inKiB(bareHeap)}; RSS ${inKiB(oursRss)}, bare ${inKiB(bareRss)}`);
    // What Node holds outside the heap is the same for both; RSS tells it all, but moves by more than a tenth from run to run.
    expect(oursHeap - bareHeap).toBeLessThan(KiB);
  },
  120_000,
);

test.each([
  ["have never asked, by headersTimeout", ""],
  ["have asked once, by keepAliveTimeout", "GET / HTTP/1.1\r\nHost: h\r\n\r\n"],
])(
  `${idle} idle connections that %s, end while others are served`,
  async (_, first) => {
    const server = await ServerProcess.start({ accept: "serve", http: timeouts });
    const sockets = await connect(server, idle);
    await Promise.all(sockets.map((socket) => (first === "" ? undefined : write(socket, first))));
    const ends = sockets.map(readToEnd);
    const others = await meanwhile(server.port, Promise.all(ends));
    report(`others: ${others.served}, slowest ${others.slowest} ms`);
    await until("the end of every connection", 5_000, async () => (await server.counts()).connections === 0);
  },
  60_000,
);

/** Clients that begin a request and never finish it: each is answered 408 and its connection ended. */
async function unfinished(count: number, first: string, drip: string): Promise<void> {
  const server = await ServerProcess.start({ accept: "serve", http: timeouts });
  await several(50, 10, () => get(server.port));
  const before = await server.memory();
  const sockets = await connect(server, count);
  await Promise.all(sockets.map((socket) => write(socket, first)));
  await until("all connections", 10_000, async () => (await server.counts()).connections === count);
  const each = ((await server.memory()).inUse - before.inUse) / count;
  const dripping = setInterval(() => {
    for (const socket of sockets) if (drip !== "" && socket.writable) socket.write(drip);
  }, 50);
  const ends = Promise.all(sockets.map(readToEnd));
  const others = await meanwhile(server.port, ends).finally(() => clearInterval(dripping));
  const statuses = new Set((await ends).map(({ text, end }) => `${text.split("\r\n")[0]} ${end}`));
  const peak = growth(before, await server.peak());
  report(`${inKiB(each)} each, peak ${peak.text}; others: ${others.served}, slowest ${others.slowest} ms`);
  expect([...statuses]).toEqual(["HTTP/1.1 408 Request Timeout eof"]);
  expect(each).toBeLessThan(32 * KiB);
  await until("the end of every connection", 5_000, async () => (await server.counts()).connections === 0);
}

test(`${announcing} clients that announce 8 MiB and send 1 byte end by requestTimeout`, async () => {
  await unfinished(announcing, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8388608\r\n\r\nx", "");
}, 60_000);

test(`${announcing} clients that send 1 byte of a chunk of 8 MiB end by requestTimeout`, async () => {
  await unfinished(announcing, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n800000\r\nx", "");
}, 60_000);

test(`${dripping} clients that drip their heads end by headersTimeout`, async () => {
  await unfinished(dripping, "GET / HTTP/1.1\r\nHost: h\r\nX-Drip: ", "x");
}, 60_000);

test(`${dripping} clients that drip header fields end by headersTimeout`, async () => {
  await unfinished(dripping, "GET / HTTP/1.1\r\nHost: h\r\n", "a:b\r\n");
}, 60_000);

test(`${dripping} clients that drip their bodies end by requestTimeout`, async () => {
  await unfinished(dripping, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8388608\r\n\r\n", "x");
}, 60_000);

test("a body of 2 MiB in chunks of one byte costs what its bytes cost", async () => {
  const server = await ServerProcess.start({ accept: "serve", track: true });
  await several(50, 10, () => get(server.port));
  const before = await server.memory();
  const socket = await connectSilent(server.port);
  await write(socket, "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
  const chunks = "1\r\nx\r\n".repeat(MiB / 16);
  for (let i = 0; i < 32; i++) await write(socket, chunks);
  await until("the body", 30_000, async () => (await server.ask<number>("received")) > 12 * MiB);
  await write(socket, "0\r\n\r\n");
  const { text } = await readToEnd(socket);
  const peak = growth(before, await server.peak());
  report(`peak ${peak.text}`);
  expect(text.split("\r\n")[0]).toBe("HTTP/1.1 200 OK");
  expect(peak.inUse).toBeLessThan(6 * MiB);
}, 60_000);

test(`memory is flat over ${flat} requests of all kinds`, async () => {
  const server = await ServerProcess.start({ accept: "serve" });
  await askMany(server.port, 10_000);
  const before = await server.memory();
  const statuses = await askMany(server.port, flat);
  await until("the end of every connection", 5_000, async () => (await server.counts()).connections === 0);
  const after = await server.memory();
  report(`heap ${inMiB(before.heapUsed)}, then ${inMiB(after.heapUsed)}; responses ${JSON.stringify(statuses)}`);
  expect(statuses).toEqual({ 200: (flat * 3) / 4, 500: flat / 4 });
  expect(after.inUse - before.inUse).toBeLessThan(2 * MiB);
  const counts = await server.counts();
  expect({ errors: counts.errors, warnings: counts.warnings }).toEqual({ errors: (flat + 10_000) / 4, warnings: 0 });
}, 300_000);
