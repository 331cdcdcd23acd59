import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Agent, fetch, Pool } from "undici";
import { newAsyncHttpServer, type AsyncHttpServer, type Request } from "../../lib/index";
import { testCertificate } from "../../lib/testing/index";
import { requestOf } from "../helpers/node-client";
import { echo, get, makeServer, rejectionOf, startServer } from "../helpers/servers";

const directory = mkdtempSync(join(tmpdir(), "unix-"));
afterAll(() => rmSync(directory, { recursive: true }));
let paths = 0;

/** A path that no other test uses. */
function newPath(): string {
  return join(directory, `s${++paths}`);
}

async function serveOn(path: string, callback: (request: Request) => unknown = echo): Promise<AsyncHttpServer> {
  const server = makeServer();
  await server.listen(0, path);
  void server.serve(callback);
  return server;
}

/** fetch over the socket of this path. */
async function ask(socketPath: string, target = "/", init: { method?: string; body?: string } = {}): Promise<string> {
  const dispatcher = new Agent({ connect: { socketPath } });
  try {
    return await (await fetch(`http://localhost${target}`, { ...init, dispatcher })).text();
  } finally {
    await dispatcher.close();
  }
}

/** Leaves the file of a socket behind: its process is killed while it listens. */
async function leaveStale(path: string): Promise<void> {
  const listening = `require("net").createServer().listen(${JSON.stringify(path)}, () => console.log("up"))`;
  const child = spawn(process.execPath, ["-e", listening], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(existsSync(path)).toBe(true);
}

describe("clients", () => {
  test("undici's fetch with a body; the path is the socket's, the target the request's", async () => {
    const path = newPath();
    const server = await serveOn(path);
    expect(server.url).toBe(`unix:${path}`);
    expect(await ask(path, "/a?b=c", { method: "PUT", body: "over a file" })).toBe("/a?b=c|over a file");
  });

  test("undici's Pool: many at once", async () => {
    const path = newPath();
    await serveOn(path);
    const pool = new Pool("http://localhost", { socketPath: path, connections: 8 });
    const targets = Array.from({ length: 100 }, (_, i) => `/${i}`);
    const bodies = await Promise.all(
      targets.map(async (target) => (await pool.request({ path: target, method: "GET" })).body.text()),
    );
    expect(bodies).toEqual(targets.map((target) => `${target}|`));
    await pool.close();
  });

  test("Node's own, 8 MiB each way", async () => {
    const path = newPath();
    await serveOn(path, (request) => request.respond(200, request.rawBody));
    const body = "12345678".repeat(1_048_576);
    const received = await requestOf({ socketPath: path, method: "POST" }, body);
    expect(received.text === body).toBe(true);
  });

  test("the client has no address", async () => {
    const path = newPath();
    await serveOn(path, (request) => request.respond(200, `<${request.hostname}>`));
    expect(await ask(path)).toBe("<>");
  });

  test("one byte over maxBody: the client sees 413", async () => {
    const path = newPath();
    const server = makeServer({ maxBody: 100_000 });
    await server.listen(0, path);
    const dispatcher = new Agent({ connect: { socketPath: path } });
    const response = await fetch("http://localhost/", { method: "POST", body: "x".repeat(100_001), dispatcher });
    expect([response.status, await response.text()]).toEqual([413, "413 Request Entity Too Large"]);
    await dispatcher.close();
  });

  test("TLS works on it, too", async () => {
    const path = newPath();
    const server = makeServer({ tls: testCertificate });
    await server.listen(0, path);
    void server.serve(echo);
    const dispatcher = new Agent({ connect: { socketPath: path, ca: testCertificate.cert } });
    expect(await (await fetch("https://localhost/s", { dispatcher })).text()).toBe("/s|");
    await dispatcher.close();
  });

  test("an upgrade hands over the socket", async () => {
    const path = newPath();
    await serveOn(path, async (request) => {
      await request.respond(101, "", { Connection: "Upgrade", Upgrade: "echo" });
      request.client.pipe(request.client);
    });
    const headers = { Connection: "Upgrade", Upgrade: "echo" };
    const [, socket] = (await once(httpRequest({ socketPath: path, headers }).end(), "upgrade")) as [unknown, Socket];
    socket.end("through a file");
    expect(await text(socket)).toBe("through a file");
  });

  test("one that leaves aborts the signal", async () => {
    const path = newPath();
    const server = makeServer();
    await server.listen(0, path);
    const client = connect(path);
    client.write(get("/"));
    const { signal } = await server.acceptRequest();
    const aborted = once(signal, "abort");
    client.destroy();
    await aborted;
  });

  test("close cuts them, and what was answered arrives", async () => {
    const path = newPath();
    const server = makeServer();
    await server.listen(0, path);
    const waiting = connect(path).on("error", () => {});
    waiting.write(get("/"));
    await server.acceptRequest();
    const response = ask(path, "/answered");
    await (await server.acceptRequest()).respond(200, "whole");
    const ended = once(waiting.resume(), "close");
    await server.close();
    expect(await response).toBe("whole");
    await ended;
  });
});

describe("the file", () => {
  test("is there while the server listens, and the path can be listened on again", async () => {
    const path = newPath();
    const server = makeServer();
    for (let round = 0; round < 3; round++) {
      await server.listen(0, path);
      expect(statSync(path).isSocket()).toBe(true);
      await server.close();
      expect(existsSync(path)).toBe(false);
    }
  });

  test("its mode is the user's to set: who may not write to it cannot connect", async () => {
    const path = newPath();
    await serveOn(path);
    chmodSync(path, 0o660);
    expect(statSync(path).mode & 0o777).toBe(0o660);
    expect(await ask(path, "/on")).toBe("/on|");
  });

  test("close does not mind that somebody deleted it", async () => {
    const path = newPath();
    const server = await serveOn(path);
    unlinkSync(path);
    await server.close();
  });

  test("of a server that lives: EADDRINUSE, nothing about deleting, and the other one serves on", async () => {
    const path = newPath();
    await serveOn(path);
    const error = await rejectionOf(makeServer().listen(0, path));
    expect(error).toMatchObject({ code: "EADDRINUSE", syscall: "listen", address: path });
    expect(error.message).not.toContain("delete");
    expect(await ask(path, "/on")).toBe("/on|");
  });

  test("stale, of a process that was killed: the error says what to do, and doing it helps", async () => {
    const path = newPath();
    await leaveStale(path);
    const server = makeServer();
    const error = await rejectionOf(server.listen(0, path));
    expect(error).toMatchObject({ code: "EADDRINUSE", syscall: "listen", address: path });
    expect(error.message).toBe(
      `listen EADDRINUSE: address already in use ${path}: nobody listens on this socket any more, delete the file ${path} first`,
    );
    expect(existsSync(path)).toBe(true);
    unlinkSync(path);
    await server.listen(0, path);
    void server.serve(echo);
    expect(await ask(path, "/on")).toBe("/on|");
  });

  test("that is no socket is left alone", async () => {
    const path = newPath();
    writeFileSync(path, "precious");
    const error = await rejectionOf(makeServer().listen(0, path));
    expect(error).toMatchObject({ code: "EADDRINUSE" });
    expect(error.message).not.toContain("delete");
    expect(statSync(path).size).toBe("precious".length);
  });

  test("with a path that is too long for the system is an error, and leaves nothing behind", async () => {
    const path = join(directory, "x".repeat(200));
    const error = await rejectionOf(makeServer().listen(0, path));
    expect((error as NodeJS.ErrnoException).code).toMatch(/^E/);
    expect(readdirSync(directory).filter((name) => name.startsWith("x"))).toEqual([]);
  });
});

describe("the address", () => {
  test.each<[name: string, port: number, address: string]>([
    ["a path with a port", 8080, "/tmp/x"],
    ["a relative path with a port", 1, "./x"],
  ])("%s is a RangeError", async (_name, port, address) => {
    expect(await rejectionOf(newAsyncHttpServer().listen(port, address))).toMatchObject({
      name: "RangeError",
      code: "ERR_INVALID_ARGUMENT",
    });
  });

  test("a server that had a port can have a path afterwards, and the other way round", async () => {
    const path = newPath();
    const server = await startServer();
    await server.close();
    await server.listen(0, path);
    expect([server.getPort(), server.url]).toEqual([0, `unix:${path}`]);
    await server.close();
    await server.listen(0);
    expect(server.url).toBe(`http://127.0.0.1:${server.getPort()}`);
  });
});
