// Debian's nginx as an ordinary child process, all of its files in one directory.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { CHECKOUT, succeed } from "../harness.mjs";

const PROGRAM =
  ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"].find((path) => existsSync(path)) ?? "nginx";
const EXAMPLE = readFileSync(`${CHECKOUT}/docs/examples/nginx.conf`, "utf8");

export class Nginx {
  /** Where a client reaches it. */
  url;
  #directory;
  #port;
  #upstreams;
  #child;

  /** Starts nginx with the file of the docs in front of the processes on these ports, or Unix sockets. */
  static async start(directory, upstreams) {
    const nginx = new Nginx();
    nginx.#directory = join(process.cwd(), directory);
    nginx.#upstreams = upstreams;
    mkdirSync(join(nginx.#directory, "logs"), { recursive: true });
    nginx.#port = await freePort();
    nginx.url = `http://127.0.0.1:${nginx.#port}`;
    nginx.#write([]);
    nginx.#child = spawn(PROGRAM, nginx.#args(), { stdio: ["ignore", "inherit", "inherit"] });
    process.once("exit", () => nginx.#child.kill());
    await until(
      () => accepts(nginx.#port),
      "nginx to listen",
      () => nginx.#child.exitCode === null,
    );
    return nginx;
  }

  /** Reloads, with these upstreams marked as down, and waits until the workers of before are gone. */
  async reload(down = []) {
    this.#write(down);
    const before = this.#workers();
    await succeed(PROGRAM, [...this.#args(), "-s", "reload"]);
    const isRenewed = () => {
      const now = this.#workers();
      return now.length > 0 && !now.some((pid) => before.includes(pid));
    };
    await until(isRenewed, "the old workers to end");
  }

  async stop() {
    const ended = once(this.#child, "close");
    this.#child.kill("SIGTERM");
    await ended;
  }

  get errorLog() {
    return readFileSync(join(this.#directory, "logs/error.log"), "utf8");
  }

  #args() {
    return ["-p", `${this.#directory}/`, "-e", "logs/error.log", "-c", "nginx.conf"];
  }

  /** The file of the docs as it stands, but for its addresses. */
  #write(down) {
    const [first, second] = this.#upstreams.map((upstream) => {
      const address = typeof upstream === "number" ? `127.0.0.1:${upstream}` : `unix:${upstream}`;
      return down.includes(upstream) ? `${address} down` : address;
    });
    const app = EXAMPLE.replace("listen 80;", `listen 127.0.0.1:${this.#port};`)
      .replace("127.0.0.1:8080", first)
      .replace("127.0.0.1:8081", second);
    assert.ok(app.includes(`:${this.#port};`) && app.includes(first) && app.includes(second));
    writeFileSync(join(this.#directory, "app.conf"), app);
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (name) => `${name}_temp_path tmp_${name};`,
    );
    // Started by root, the workers would be somebody who may not look into this directory.
    const user = process.getuid() === 0 ? "user root;\n" : "";
    writeFileSync(
      join(this.#directory, "nginx.conf"),
      `${user}daemon off;\nworker_processes 2;\npid nginx.pid;\nerror_log logs/error.log warn;\nevents {}\n` +
        `http {\naccess_log off;\n${temporary.join("\n")}\ninclude app.conf;\n}\n`,
    );
  }

  /** The processes that nginx has started. */
  #workers() {
    return readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && parentOf(pid) === this.#child.pid);
  }
}

function parentOf(pid) {
  try {
    return Number(
      readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) . /s, "")
        .split(" ")[0],
    );
  } catch {
    return undefined;
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function accepts(port) {
  const client = connect(port, "127.0.0.1");
  const connected = await once(client, "connect").then(
    () => true,
    () => false,
  );
  client.destroy();
  return connected;
}

export async function until(reached, what, mayGoOn = () => true) {
  const end = performance.now() + 20_000;
  while (!(await reached())) {
    assert.ok(mayGoOn() && performance.now() < end, `waited in vain for ${what}`);
    await setTimeout(20);
  }
}
