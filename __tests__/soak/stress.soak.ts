import { AsyncLocalStorage } from "node:async_hooks";
import { readdirSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { newAsyncHttpServer, type Content, type Request } from "../../lib/index";
import { makeSource, openDescriptors, sourceKinds, wrappers, type Given } from "../helpers/sources";
import { inMiB, MiB, report, size } from "./sizes";

const requests = size("SOAK_STRESS", 20_000, 20_000);
const seed = size("SEED", 1 + Math.floor(Math.random() * 1e9), 1 + Math.floor(Math.random() * 1e9));

/** The same numbers from 0 to 1 for the same seed (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = randomFrom(seed);
const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!;

const storage = new AsyncLocalStorage<string>();

/** What was seen of one request, by its target. */
class Account {
  readonly inForeignContext: string[] = [];
  /** Errors of each handler: how many it had, and how many were told. */
  readonly had = new Map<string, number>();
  readonly told = new Map<string, number>();
  readonly given: Given[] = [];
  ran = 0;

  checkContext({ raw }: Request): void {
    if (storage.getStore() !== raw.url) this.inForeignContext.push(`${raw.url} in that of ${storage.getStore()}`);
  }

  static count(map: Map<string, number>, { raw }: Request): void {
    map.set(raw.url!, (map.get(raw.url!) ?? 0) + 1);
  }
}

const account = new Account();

function content(request: Request): Content {
  const kind = pick(["text", "bytes", "large", ...sourceKinds]);
  if (kind === "text") return "text";
  if (kind === "bytes") return Buffer.alloc(100, "b");
  if (kind === "large") return Buffer.alloc(300_000, "l");
  const given = makeSource(kind, "short");
  account.given.push(given);
  return wrappers[pick(Object.keys(wrappers))]!(given.content, request);
}

const statuses = [200, 200, 200, 201, 204, 205, 304, 404, 500];

/** What a handler can do; each says by its promise whether that was an error of its own. */
const deeds: ReadonlyArray<(request: Request) => unknown> = [
  (request) => request.respond(pick(statuses), content(request)),
  (request) => request.respond(pick(statuses), content(request)),
  (request) => request.respond(pick(statuses), content(request), { "Content-Length": "5" }),
  (request) => request.respond(200, content(request), { "x-a": "a\nb" }),
  (request) => request.respond(99, content(request)),
  async (request) => {
    await request.respond(103, content(request));
    await request.respond(200, content(request));
  },
  async (request) => {
    await request.sendHeaders({});
    await request.respond(200, content(request));
  },
  async (request) => {
    await request.respond(200, "first");
    await request.respond(200, content(request));
  },
  () => {
    throw new Error("thrown");
  },
  async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    throw undefined;
  },
  (request) => void request.client.destroy(),
];

async function handler(request: Request): Promise<void> {
  account.ran++;
  account.checkContext(request);
  if (random() < 0.05) {
    // Not awaited: rejected for certain, and reported once.
    Account.count(account.had, request);
    return void request.respond(99, content(request));
  }
  try {
    await pick(deeds)(request);
  } catch (error) {
    Account.count(account.had, request);
    throw error;
  } finally {
    account.checkContext(request);
  }
}

let sent = 0;

function bytes(last: boolean): string {
  const close = last ? "Connection: close\r\n" : "";
  const line = `/${sent++} HTTP/1.1\r\nHost: h\r\n${close}`;
  return pick([
    `GET ${line}\r\n`,
    `GET ${line}\r\n`,
    `HEAD ${line}\r\n`,
    `POST ${line}Content-Length: 4\r\n\r\nbody`,
    `POST ${line}Content-Length: 100000\r\n\r\n${"x".repeat(100_000)}`,
    `PUT ${line}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`,
  ]);
}

/** What a client does: it sends one request or a few at once, and stays to the end, or not. */
async function play(port: number): Promise<void> {
  const count = pick([1, 1, 1, 3]);
  let all = "";
  for (let i = 1; i <= count; i++) all += bytes(i === count);
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => undefined);
  socket.on("end", () => socket.end());
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(all);
  pick(behaviours)(socket);
  await closed;
}

const reads = (socket: Socket): void => void socket.resume();
const behaviours: ReadonlyArray<(socket: Socket) => void> = [
  reads,
  reads,
  reads,
  reads,
  (socket) => {
    reads(socket);
    socket.end();
  },
  (socket) => void socket.once("connect", () => socket.resetAndDestroy()),
  (socket) => void socket.once("data", () => socket.resetAndDestroy()),
  (socket) => void socket.once("data", () => socket.destroy()),
  (socket) => void setTimeout(() => socket.resetAndDestroy(), 2),
];

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

async function inUse(): Promise<number> {
  // Sockets that are closed go with the turn behind it.
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    collect();
  }
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

function descriptors(): number {
  return process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0;
}

test(`${requests} requests at random, SEED=${seed}`, async () => {
  const server = newAsyncHttpServer({ onError: (_error, request) => Account.count(account.told, request!) });
  const emit = server.node.emit as (event: string, ...given: unknown[]) => boolean;
  server.node.emit = function (this: unknown, event: string, ...given: unknown[]): boolean {
    const { url } = (given[0] ?? {}) as Partial<IncomingMessage>;
    return url === undefined
      ? emit.call(this, event, ...given)
      : storage.run(url, () => emit.call(this, event, ...given));
  };
  await server.listen(0);
  void server.serve(handler);

  const upTo = async (end: number): Promise<void> => {
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        while (sent < end) await play(server.getPort());
      }),
    );
    await Promise.all(account.given.map(({ letGo }) => letGo));
    for (const { times } of account.given)
      if (times() !== 1) throw new Error(`a source was let go of ${times()} times`);
    account.given.length = 0;
  };

  await upTo(requests / 4);
  const before = { memory: await inUse(), descriptors: descriptors() };
  await upTo(requests);
  const after = { memory: await inUse(), descriptors: descriptors() };

  const errors = [...account.had.values()].reduce((sum, count) => sum + count, 0);
  report(
    `${account.ran} handlers, ${errors} errors told once, ${inMiB(after.memory - before.memory)} more, SEED=${seed}`,
  );
  expect(account.inForeignContext).toEqual([]);
  expect([...account.told].sort()).toEqual([...account.had].sort());
  expect(openDescriptors()).toBe(0);
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 2);
  expect(after.memory - before.memory).toBeLessThan(8 * MiB);
  await server.close();
}, 600_000);
