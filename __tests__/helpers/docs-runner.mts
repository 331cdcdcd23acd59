/** Runs the blocks that it is given, one after the other, in a bare Node, and tells its parent what became of each. */
import { request } from "node:http";
import net from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";

/** Milliseconds for one block. */
const LIMIT = 10_000;

const [kind, ...paths] = process.argv.slice(2);
for (const path of paths) {
  const problem = kind === "program" ? await tryProgram(path) : await tryModule(path);
  await new Promise((resolve) => process.send!({ path, problem }, resolve));
  // What a block that failed has left behind must not be held against the next one.
  if (problem !== undefined) break;
}
process.exit();

/** A module must end by itself, and so must a process that has run it. */
async function tryModule(path: string): Promise<string | undefined> {
  const before = servers();
  // What was closed is counted, and what was rejected is not yet told, until the event loop has come round.
  const run = import(pathToFileURL(path).href).then(() => turn()).then(() => turn());
  const problem = await problemOf(run);
  return problem ?? (servers() > before ? "it leaves a server behind that listens" : undefined);
}

/** A program must listen, where it is given a free port in place of its own, and answer. */
async function tryProgram(path: string): Promise<string | undefined> {
  const { listen } = net.Server.prototype;
  const answered = new Promise<void>((resolve, reject) => {
    net.Server.prototype.listen = function (this: net.Server, options: net.ListenOptions) {
      this.once("listening", () => get((this.address() as net.AddressInfo).port).then(resolve, reject));
      return listen.call(this, { ...options, port: 0 });
    } as typeof listen;
  });
  const ended = import(pathToFileURL(path).href).then(() => answered);
  return problemOf(Promise.race([answered, ended]));
}

async function get(port: number): Promise<void> {
  const status = await new Promise<number>((resolve, reject) => {
    const sent = request({ port, host: "127.0.0.1" }, (response) => resolve(response.resume().statusCode!));
    sent.on("error", reject).end();
  });
  if (status >= 500) throw new Error(`GET / was answered with ${status}`);
}

async function problemOf(run: Promise<unknown>): Promise<string | undefined> {
  let stop = (_error: unknown): void => {};
  const stopped = new Promise<never>((_resolve, reject) => (stop = reject));
  const timer = setTimeout(() => stop(new Error(`it has not ended after ${LIMIT} ms`)), LIMIT);
  process.on("unhandledRejection", stop).on("uncaughtException", stop);
  try {
    await Promise.race([run, stopped]);
    return undefined;
  } catch (error) {
    return inspect(error);
  } finally {
    clearTimeout(timer);
    process.off("unhandledRejection", stop).off("uncaughtException", stop);
  }
}

function servers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap").length;
}
