import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Agent as NodeAgent, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, fetch as undiciFetch } from "undici";
import { testCertificate } from "../lib/testing/index";
import { startExample } from "./helpers/docs-examples";
import type { Program } from "./helpers/docs-program";
import { requestOf, type Received } from "./helpers/node-client";
import { canReusePort } from "./helpers/node-version";
import { makeServer, rejectionOf } from "./helpers/servers";

// Each test starts processes, on a machine that may have others to run.
jest.setTimeout(20_000);

const directory = mkdtempSync(join(tmpdir(), "processes-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** The process that an example says it is. */
async function pidOf(program: Program): Promise<number> {
  return Number((await program.printed(/process \d+/)).slice("process ".length));
}

/** One request, on a connection of its own unless there is an agent. */
function ask(port: number, agent: NodeAgent | false = false): Promise<Received> {
  return requestOf({ host: "127.0.0.1", port, agent, method: "POST" }, "work");
}

/** Which process answers, as the examples tell. */
function processOf({ text }: Received): number {
  return Number(/^process (\d+)$/m.exec(text)![1]);
}

/** A client that keeps its one connection, and what answers on it. */
class Regular {
  readonly #agent = new NodeAgent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  async ask(): Promise<number> {
    return processOf(await ask(this.#port, this.#agent));
  }

  disconnect(): void {
    this.#agent.destroy();
  }
}

/** Asks on new connections until all of these processes have answered; the system spreads them as it likes. */
async function expectSpread(port: number, pids: readonly number[]): Promise<void> {
  const missing = new Set(pids);
  for (let i = 0; i < 2_000 && missing.size > 0; i++) missing.delete(processOf(await ask(port)));
  expect([...missing]).toEqual([]);
}

/** A client for each of these processes, whose connection has come to it. */
async function regulars(port: number, pids: readonly number[]): Promise<Map<number, Regular>> {
  const found = new Map<number, Regular>();
  for (let i = 0; i < 2_000 && found.size < pids.length; i++) {
    const client = new Regular(port);
    const pid = await client.ask();
    if (found.has(pid)) client.disconnect();
    else found.set(pid, client);
  }
  expect([...found.keys()].sort()).toEqual([...pids].sort());
  return found;
}

/** Asks one after the other until something has happened; every response must come from this process. */
async function keepAsking(client: Regular, pid: number, until: Promise<unknown>): Promise<number> {
  let over = false;
  let asked = 0;
  void until.finally(() => (over = true));
  while (!over || asked < 20) {
    expect(await client.ask()).toBe(pid);
    asked++;
  }
  await until;
  return asked;
}

if (canReusePort) {
  describe("reusePort", () => {
    test("two servers share a port, and it is free when both are closed", async () => {
      const first = makeServer({ reusePort: true });
      const second = makeServer({ reusePort: true });
      await first.listen(0);
      await second.listen(first.getPort());
      for (const server of [first, second])
        void server.serve((request) => request.respond(200, `process ${server === first ? 1 : 2}`));
      await expectSpread(first.getPort(), [1, 2]);
      const port = first.getPort();
      await first.close();
      await expectSpread(port, [2]);
      await second.close();
      const third = makeServer();
      await third.listen(port);
    });

    test("one server without it is in the way", async () => {
      const first = makeServer();
      await first.listen(0);
      expect(await rejectionOf(makeServer({ reusePort: true }).listen(first.getPort()))).toMatchObject({
        code: "EADDRINUSE",
      });
      const other = makeServer({ reusePort: true });
      await other.listen(0);
      expect(await rejectionOf(makeServer().listen(other.getPort()))).toMatchObject({ code: "EADDRINUSE" });
    });

    test("reuse-port.ts: requests spread, one that dies harms no other, and is replaced", async () => {
      await using first = startExample("reuse-port");
      const port = Number(new URL(await first.url()).port);
      await using second = startExample("reuse-port", [], { PORT: String(port) });
      const [living, dying] = [await pidOf(first), await pidOf(second)];
      await expectSpread(port, [living, dying]);
      const clients = await regulars(port, [living, dying]);
      second.send("SIGKILL");
      await keepAsking(clients.get(living)!, living, second.ended);
      await using third = startExample("reuse-port", [], { PORT: String(port) });
      await keepAsking(clients.get(living)!, living, third.url());
      await expectSpread(port, [living, await pidOf(third)]);
      for (const client of clients.values()) client.disconnect();
      first.send("SIGTERM");
      expect(await first.ended).toEqual({ code: 0, signal: null });
    });
  });
} else {
  describe("reusePort", () => {
    test("reuse-port.ts says so and ends", async () => {
      await using program = startExample("reuse-port");
      expect(await program.ended).toEqual({ code: 1, signal: null });
      expect(program.stderr).toContain("use node:cluster instead");
    });
  });
}

describe("cluster.ts", () => {
  /** The processes that listen, in the order in which they said so. */
  async function workersOf(program: Program, count: number): Promise<{ port: number; pids: number[] }> {
    await program.printed(new RegExp(`(?:process \\d+ on port \\d+\\s+){${count}}`));
    const lines = [...program.stdout.matchAll(/process (\d+) on port (\d+)/g)];
    return { port: Number(lines[0]![2]), pids: lines.map(([, pid]) => Number(pid)) };
  }

  test("requests spread; a worker that dies is replaced without a failed request on the others", async () => {
    await using program = startExample("cluster", [], { WORKERS: "2" });
    const { port, pids } = await workersOf(program, 2);
    const [dying, living] = pids as [number, number];
    await expectSpread(port, pids);
    const clients = await regulars(port, pids);
    process.kill(dying, "SIGKILL");
    const asked = await keepAsking(clients.get(living)!, living, workersOf(program, 3));
    expect(asked).toBeGreaterThan(0);
    const { pids: after } = await workersOf(program, 3);
    await expectSpread(port, [living, after[2]!]);
    for (const client of clients.values()) client.disconnect();
    program.send("SIGTERM");
    expect(await program.ended).toEqual({ code: 0, signal: null });
  });

  test("SIGHUP renews every worker, and no request is lost meanwhile", async () => {
    await using program = startExample("cluster", [], { WORKERS: "2" });
    const { port, pids } = await workersOf(program, 2);
    program.send("SIGHUP");
    let over = false;
    const renewed = workersOf(program, 4).finally(() => (over = true));
    const seen = new Set<number>();
    while (!over || pids.some((pid) => isAlive(pid))) seen.add(processOf(await ask(port)));
    const { pids: all } = await renewed;
    await expectSpread(port, all.slice(2));
    expect([...seen].filter((pid) => !all.includes(pid))).toEqual([]);
    program.send("SIGTERM");
    expect(await program.ended).toEqual({ code: 0, signal: null });
  });

  test("a port in use ends it instead of starting workers for ever", async () => {
    const server = makeServer();
    await server.listen(0);
    await using program = startExample("cluster", [], { WORKERS: "2", PORT: String(server.getPort()) });
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.stderr).toContain("EADDRINUSE");
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("graceful-stop.ts", () => {
  test("requests that are on their way when it is told to stop are answered, each with Connection: close", async () => {
    await using program = startExample("graceful-stop");
    const port = Number(new URL(await program.url()).port);
    const agent = new NodeAgent({ keepAlive: true, maxSockets: 8 });
    const askAll = (): Promise<Received[]> => Promise.all(Array.from({ length: 8 }, () => ask(port, agent)));
    expect((await askAll()).map(({ response }) => response.headers.connection)).toEqual(Array(8).fill("keep-alive"));
    const asked = askAll();
    program.send("SIGTERM");
    for (const { text, response } of await asked) {
      expect(text).toMatch(/^answered by \d+\n$/);
      expect(response.headers.connection).toBe("close");
    }
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.stdout).toContain("stopped");
  });

  test("nobody else gets in once it stops, and a second SIGTERM ends what takes too long", async () => {
    // Longer than any test lasts: only being ended at once ends it.
    await using program = startExample("graceful-stop", [], { WORK: "600000" });
    const port = Number(new URL(await program.url()).port);
    const asking = httpRequest({ port, method: "POST", headers: { Expect: "100-continue", "Content-Length": 1 } });
    asking.flushHeaders();
    // A client that is told to go on has been accepted.
    await once(asking, "continue");
    const cut = rejectionOf(once(asking, "response"));
    asking.end("x");
    program.send("SIGTERM");
    await refused(port);
    program.send("SIGTERM");
    expect(await cut).toMatchObject({ code: "ECONNRESET" });
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.stderr).toBe("");
  });

  /** Settles when connections to this port are refused. */
  async function refused(port: number): Promise<void> {
    for (;;) {
      const client = connect(port, "127.0.0.1");
      const error: unknown = await once(client, "connect").catch((error: unknown) => error);
      client.destroy();
      if ((error as NodeJS.ErrnoException).code === "ECONNREFUSED") return;
    }
  }
});

test("https.ts serves HTTPS with the key and the certificate of files", async () => {
  const [KEY, CERT] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  writeFileSync(KEY, testCertificate.key);
  writeFileSync(CERT, testCertificate.cert);
  await using program = startExample("https", [], { KEY, CERT });
  const dispatcher = new Agent({ connect: { ca: testCertificate.cert } });
  const response = await undiciFetch(await program.url(), { dispatcher });
  expect(await response.text()).toBe("nobody else has read this\n");
  await dispatcher.close();
});

describe("unix-socket.ts", () => {
  test("serves the owner and the group, and takes its file away", async () => {
    const SOCKET = join(directory, "app.sock");
    await using program = startExample("unix-socket", [], { SOCKET });
    await program.printed(/unix:.*/);
    expect(statSync(SOCKET).mode & 0o777).toBe(0o660);
    const dispatcher = new Agent({ connect: { socketPath: SOCKET } });
    expect(await (await undiciFetch("http://localhost/", { dispatcher })).text()).toBe("by way of a file\n");
    program.send("SIGTERM");
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(existsSync(SOCKET)).toBe(false);
    await dispatcher.close();
  });

  test("killed, it leaves its file; the next one says in one line what to do", async () => {
    const SOCKET = join(directory, "stale.sock");
    await using first = startExample("unix-socket", [], { SOCKET });
    await first.printed(/unix:.*/);
    first.send("SIGKILL");
    await first.ended;
    await using second = startExample("unix-socket", [], { SOCKET });
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.stderr).toMatch(/^listen EADDRINUSE.*delete the file.*stale\.sock first\n$/);
  });
});
