import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";

/** A program in a process of its own, as its user would start it. */
export class Program {
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;

  /** Starts a JavaScript file on a free port; what is set in `env` goes on top. */
  constructor(path: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [path, ...args], {
      env: { ...process.env, PORT: "0", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout!.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.ended = once(this.#child, "close").then(([code, signal]) => ({ code, signal }));
  }

  /** Settles with what the program prints, as soon as it is there. */
  async printed(pattern: RegExp): Promise<string> {
    for (let running = true; ;) {
      const found = pattern.exec(this.stdout)?.[0];
      if (found !== undefined) return found;
      if (!running) throw new Error(`it ended without ${String(pattern)}:\n${this.stderr}`);
      const more = once(this.#child.stdout!, "data").then(() => true);
      running = await Promise.race([more, this.ended.then(() => false)]);
    }
  }

  /** The URL that the program says it serves. */
  url(): Promise<string> {
    return this.printed(/https?:\/\/[^\s/]+/);
  }

  /** Nobody reads its stderr any more. */
  closeStderr(): void {
    this.#child.stderr!.destroy();
  }

  send(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it, whatever it does. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}
