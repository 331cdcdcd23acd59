import { Agent, request as httpRequest } from "node:http";
import net from "node:net";

const sockets = new Set<net.Socket>();

/** Breaks every connection that a test left open: call it after each test. */
export function closeClients(): void {
  for (const socket of sockets) socket.destroy();
}

/** A connection that reads nothing until it is resumed, whose errors count as its end. */
export async function connectSilent(port: number): Promise<net.Socket> {
  const socket = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  socket.pause();
  sockets.add(socket);
  socket.on("error", () => undefined);
  socket.on("close", () => sockets.delete(socket));
  await new Promise<void>((resolve) => {
    socket.once("connect", resolve);
    socket.once("close", () => resolve());
  });
  return socket;
}

/** What a connection received from now until the server ended it, and how that happened. */
export function readToEnd(socket: net.Socket): Promise<{ text: string; end: "eof" | "reset" }> {
  return new Promise((resolve) => {
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (piece: string) => (text += piece));
    socket.on("end", () => {
      resolve({ text, end: "eof" });
      socket.destroy();
    });
    socket.on("close", () => resolve({ text, end: "reset" }));
    socket.resume();
  });
}

/** One GET on a connection of its own; gives the status, or 0 where none came. */
export function get(port: number, path = "/"): Promise<number> {
  return ask({ port, path, agent: false });
}

interface Asked {
  readonly port: number;
  readonly path: string;
  readonly agent: Agent | false;
  readonly method?: string;
  readonly body?: string;
}

function ask({ port, path, agent, method = "GET", body }: Asked): Promise<number> {
  return new Promise((resolve) => {
    const headers = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const request = httpRequest({ host: "127.0.0.1", port, path, agent, method, headers }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode!));
      response.on("close", () => resolve(response.complete ? response.statusCode! : 0));
    });
    request.on("error", () => resolve(0));
    request.end(body);
  });
}

/** What {@link askMany} asks for, in turn. */
const mix: ReadonlyArray<Pick<Asked, "path" | "method" | "body">> = [
  { path: "/" },
  { path: "/a?b=c", method: "POST", body: "x".repeat(1000) },
  { path: "/stream" },
  { path: "/throw" },
];

/** Sends `count` requests of several kinds over a few kept connections; gives how often each status came. */
export async function askMany(port: number, count: number): Promise<Record<number, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const statuses: Record<number, number> = {};
  let sent = 0;
  const worker = async (): Promise<void> => {
    while (sent < count) {
      const status = await ask({ port, agent, ...mix[sent++ % mix.length]! });
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  agent.destroy();
  return statuses;
}

/** Calls `task` for 0 … count - 1, `width` at a time. */
export async function several<T>(count: number, width: number, task: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      results[index] = await task(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker));
  return results;
}

/** Asks again and again, 20 ms apart, until it is so; for what happens in another process. */
export async function until(what: string, limit: number, isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + limit;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`waited ${limit} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Plays another client, over and over, until the work is done; gives how many requests it made and the slowest. */
export async function meanwhile(port: number, work: Promise<unknown>): Promise<{ served: number; slowest: number }> {
  let over = false;
  const end = work.finally(() => (over = true));
  end.catch(() => undefined);
  let served = 0;
  let slowest = 0;
  do {
    const start = performance.now();
    const status = await get(port);
    if (status !== 200) throw new Error(`another client was answered ${status}, after ${served} good responses`);
    slowest = Math.max(slowest, performance.now() - start);
    served++;
  } while (!over);
  await end;
  return { served, slowest: Math.ceil(slowest) };
}
