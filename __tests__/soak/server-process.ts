import { spawn, type ChildProcess } from "node:child_process";
import type { ServerOptions as HttpOptions } from "node:http";
import { join } from "node:path";

/** What `measured-server.js` is to be. */
export interface ServerOptions {
  /** Default: this package; `bare` is `node:http` with a handler that does the same. */
  readonly kind?: "bare";
  /** `within` is `serve` with `assumedDescriptorsPerRequest`, `loop` Nim's loop. */
  readonly accept: "serve" | "within" | "loop" | "nobody";
  readonly http?: HttpOptions;
  readonly maxBody?: number;
  readonly stream?: boolean;
  /** The port to which `/proxy` passes its uploads on. */
  readonly upstream?: number;
  /** `server.node.timeout`, ms. */
  readonly timeout?: number;
  /** Bytes of each response's content, default 2. */
  readonly responseBytes?: number;
  /** Milliseconds that the handler takes. */
  readonly delay?: number;
  /** Keep account of the connections, for the questions `isConnected` and `received`. */
  readonly track?: boolean;
  /** `ulimit -n` of the process. */
  readonly descriptors?: number;
}

export interface Memory {
  readonly rss: number;
  /** What is left of heap and buffers after a garbage collection. */
  readonly inUse: number;
  readonly heapUsed: number;
}

export interface Counts {
  /** How often the handler was run. */
  readonly ran: number;
  /** How often its `await respond` settled. */
  readonly settled: number;
  readonly errors: number;
  readonly warnings: number;
  /** How often `serve` or the loop ended. */
  readonly served: number;
  readonly connections: number;
}

type Reply = { id: number; value?: unknown; error?: string };

const program = join(__dirname, "measured-server.js");
const running = new Set<ServerProcess>();

/** Ends what a test left running: call it after each test. */
export async function stopServerProcesses(): Promise<void> {
  await Promise.all([...running].map((each) => each.stop()));
}

/** A server in a process of its own. A question to one that has died is rejected with how it died. */
export class ServerProcess {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  #asked = 0;
  #death: Error | undefined;

  private constructor(child: ChildProcess, port: number, output: () => string) {
    this.#child = child;
    this.port = port;
    running.add(this);
    child.on("message", ({ id, value, error }: Reply) => {
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      if (error === undefined) pending?.resolve(value as never);
      else pending?.reject(new Error(error));
    });
    child.on("exit", (code, signal) => {
      running.delete(this);
      this.#death = new Error(`the server process died: ${signal ?? code}\n${output()}`);
      for (const { reject } of this.#pending.values()) reject(this.#death);
    });
  }

  static async start(options: ServerOptions): Promise<ServerProcess> {
    const { descriptors, ...served } = options;
    const command = [process.execPath, "--expose-gc", program, JSON.stringify(served)];
    const limited =
      descriptors === undefined ? command : ["bash", "-c", `ulimit -n ${descriptors}; exec "$@"`, "bash", ...command];
    const child = spawn(limited[0]!, limited.slice(1), { stdio: ["ignore", "pipe", "pipe", "ipc"] });
    let output = "";
    for (const stream of [child.stdout!, child.stderr!])
      stream.on("data", (text) => (output = (output + text).slice(-4000)));
    const port = await new Promise<number>((resolve, reject) => {
      child.once("message", (message: { port: number }) => resolve(message.port));
      child.once("exit", () => reject(new Error(`the server process did not start\n${output}`)));
    });
    return new ServerProcess(child, port, () => output);
  }

  /** The memory after a garbage collection; the peak starts anew from there. */
  memory(): Promise<Memory> {
    return this.ask("memory");
  }

  /** The highest figures since the last `memory`. */
  peak(): Promise<Pick<Memory, "rss" | "inUse">> {
    return this.ask("peak");
  }

  counts(): Promise<Counts> {
    return this.ask("counts");
  }

  ask<T>(command: string, argument?: unknown): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#death !== undefined) return reject(this.#death);
      const id = this.#asked++;
      this.#pending.set(id, { resolve, reject });
      this.#child.send({ id, command, argument });
    });
  }

  async stop(): Promise<void> {
    if (this.#death !== undefined) return;
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await exited;
  }
}
