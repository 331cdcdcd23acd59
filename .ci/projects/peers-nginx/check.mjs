// nginx with the configuration of docs/examples/nginx.conf in front of two processes, as docs/deploying.md says.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { newAsyncHttpServer } from "asynchttpserver";
import { fetch } from "undici";
import { WebSocket } from "ws";
import { CHECKOUT, run } from "../harness.mjs";
import { Nginx, until } from "./nginx.mjs";

/** One process of the application; `replace` restarts it on its port. */
class App {
  port = 0;
  #child;

  static async start() {
    const app = new App();
    await app.#fork();
    return app;
  }

  get pid() {
    return this.#child.pid;
  }

  /** How many connections have come in so far. */
  async connections() {
    this.#child.send("connections");
    const [{ connections }] = await once(this.#child, "message");
    return connections;
  }

  /** Stops gently, and settles when the process is gone. */
  async stop() {
    const ended = once(this.#child, "close");
    this.#child.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
  }

  async replace() {
    await this.stop();
    await this.#fork();
  }

  async #fork() {
    this.#child = fork("app.mjs", { env: { ...process.env, PORT: String(this.port) } });
    const [{ port }] = await once(this.#child, "message");
    this.port = port;
  }
}

/** One request on a connection of its own, as a client that knows nothing of the others. */
async function ask(url, { method = "GET", body = "", headers = {}, agent = false } = {}) {
  const asked = httpRequest(url, { method, headers, agent }).end(body);
  const [response] = await once(asked, "response");
  // nginx ends a connection on which an early response stands, though the client is still sending.
  asked.on("error", () => {});
  const content = await text(response);
  return { status: response.statusCode, told: response.statusCode === 200 ? JSON.parse(content) : content };
}

/** Clients that ask without a pause while `body` runs; every request must be answered with what belongs to it. */
async function underLoad(url, methods, body) {
  const failures = [];
  const pids = new Set();
  let over = false;
  let answered = 0;
  const client = async (id) => {
    for (let i = 0; !over; i++) {
      const method = methods[i % methods.length];
      const sent = method === "GET" ? "" : `${id}/${i}`;
      try {
        const { status, told } = await ask(`${url}/work`, { method, body: sent });
        if (status !== 200 || told.body !== sent || told.method !== method) failures.push(`${method}: ${status}`);
        else pids.add(told.pid);
        answered++;
      } catch (error) {
        failures.push(`${method}: ${error.code ?? error.message}`);
      }
    }
  };
  const clients = Array.from({ length: 16 }, (_, id) => client(id));
  try {
    await until(() => answered > 100, "the load to run");
    await body(() => answered);
    const before = answered;
    await until(() => answered > before + 100, "the load to go on");
  } finally {
    over = true;
    await Promise.all(clients);
  }
  console.log(`# ${answered} requests, ${failures.length} lost`);
  assert.deepEqual(failures, []);
  return pids;
}

const apps = [await App.start(), await App.start()];
const ports = apps.map(({ port }) => port);
const nginx = await Nginx.start("run", ports);

await test("nginx: a request comes through, on either process", async () => {
  const pids = new Set();
  for (let i = 0; i < 20; i++) pids.add((await ask(nginx.url)).told.pid);
  assert.deepEqual([...pids].sort(), apps.map(({ pid }) => pid).sort());
});

await test("nginx: connections to the upstream are kept", async () => {
  const before = await apps[0].connections();
  for (let i = 0; i < 200; i++)
    assert.equal((await ask(nginx.url, { method: i % 2 ? "POST" : "GET" })).told.headers.connection, undefined);
  // Two workers, and now and then two requests at once.
  assert.ok((await apps[0].connections()) - before <= 4);
});

await test("nginx: X-Forwarded-For ends with the client's address, behind what the client has made up", async () => {
  const { told } = await ask(nginx.url, { headers: { "X-Forwarded-For": "198.51.100.1" } });
  assert.equal(told.headers["x-forwarded-for"], "198.51.100.1, 127.0.0.1");
  assert.equal(told.headers["x-forwarded-proto"], "http");
  assert.equal(told.peer, "127.0.0.1");
});

for (const [path, how] of [
  ["/", "stored first"],
  ["/upload/", "passed on as they arrive"],
]) {
  await test(`nginx: uploads that are ${how}: maxBody bytes arrive`, async () => {
    const { status, told } = await ask(nginx.url + path, { method: "POST", body: Buffer.alloc(1_000_000) });
    assert.deepEqual([status, told.bytes], [200, 1_000_000]);
  });

  for (const [framing, headers] of [
    ["Content-Length", {}],
    ["chunks", { "Transfer-Encoding": "chunked" }],
  ]) {
    await test(`nginx: uploads that are ${how}, by ${framing}: the client sees 413 for more`, async () => {
      for (const size of [1_000_001, 20_000_000]) {
        const answers = Array.from({ length: 5 }, () =>
          ask(nginx.url + path, { method: "POST", body: Buffer.alloc(size), headers }),
        );
        for (const { status, told } of await Promise.all(answers))
          assert.deepEqual([status, told], [413, "413 Request Entity Too Large"]);
      }
    });
  }

  await test(`nginx: uploads that are ${how}: curl, with and without Expect, sees 413`, async () => {
    writeFileSync("body.bin", Buffer.alloc(5_000_000));
    for (const expect of ["Expect: 100-continue", "Expect:"]) {
      const args = ["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", expect, "--data-binary", "@body.bin"];
      const { output, code } = await run("curl", [...args, nginx.url + path]);
      assert.deepEqual([output, code], ["413", 0]);
    }
  });
}

await test("nginx: server-sent events arrive as they are sent, and end with the client", async () => {
  const response = await fetch(`${nginx.url}/live/events`);
  const reader = response.body.getReader();
  for (let id = 1; id <= 3; id++) assert.equal(String(Buffer.from((await reader.read()).value)), `id: ${id}\n\n`);
  await reader.cancel();
});

await test("nginx: WebSockets, beside plain requests", async () => {
  for (const path of ["/", "/live/"]) {
    const socket = new WebSocket(nginx.url.replace("http", "ws") + path);
    await once(socket, "open");
    for (let i = 0; i < 50; i++) {
      socket.send(`message ${i}`);
      const [data] = await once(socket, "message");
      assert.equal(String(data), `message ${i}`);
      if (i % 10 === 0) assert.equal((await ask(nginx.url)).status, 200);
    }
    socket.close(1000);
    assert.equal((await once(socket, "close"))[0], 1000);
  }
});

await test("nginx: Unix sockets as the upstream, 413 too", async () => {
  const servers = [newAsyncHttpServer({ maxBody: 1_000_000 }), newAsyncHttpServer({ maxBody: 1_000_000 })];
  const paths = servers.map((_, i) => `${process.cwd()}/app${i}.sock`);
  for (const [i, server] of servers.entries()) {
    await server.listen(0, paths[i]);
    void server.serve((request) =>
      request.respond(200, JSON.stringify({ path: paths[i], bytes: request.rawBody.length })),
    );
  }
  const other = await Nginx.start("unix", paths);
  const seen = new Set();
  for (let i = 0; i < 20; i++) seen.add((await ask(other.url)).told.path);
  assert.deepEqual([...seen].sort(), paths);
  for (const size of [1_000_000, 1_000_001, 20_000_000]) {
    const { status } = await ask(other.url, { method: "POST", body: Buffer.alloc(size) });
    assert.equal(status, size > 1_000_000 ? 413 : 200);
  }
  await other.stop();
  for (const server of servers) await server.close();
});

await test("nginx: a server that streams, uploads passed on as they arrive", async () => {
  const servers = [newAsyncHttpServer({ stream: true }), newAsyncHttpServer({ stream: true })];
  for (const server of servers) {
    await server.listen(0);
    void server.serve(async (request) => {
      if (request.url.path === "/upload/refused") return request.respond(401, "who?");
      let bytes = 0;
      for await (const chunk of request.bodyStream) {
        bytes += chunk.length;
        if (request.url.path === "/upload/cut") return request.respond(413, "enough");
      }
      await request.respond(200, JSON.stringify({ bytes }));
    });
  }
  const other = await Nginx.start(
    "stream",
    servers.map((server) => server.getPort()),
  );
  const body = Buffer.alloc(64 * 1024 * 1024);
  for (const headers of [{}, { "Transfer-Encoding": "chunked" }]) {
    assert.deepEqual(await ask(`${other.url}/upload/`, { method: "POST", body, headers }), {
      status: 200,
      told: { bytes: body.length },
    });
    for (const [path, expected] of [
      ["refused", { status: 401, told: "who?" }],
      ["cut", { status: 413, told: "enough" }],
    ]) {
      for (let i = 0; i < 20; i++)
        assert.deepEqual(await ask(`${other.url}/upload/${path}`, { method: "POST", body, headers }), expected);
    }
  }
  await other.stop();
  for (const server of servers) await server.close();
});

await test("a 502, and what nginx's log says of it, as docs/when-something-goes-wrong.md has it", async () => {
  const servers = [newAsyncHttpServer(), newAsyncHttpServer()];
  for (const server of servers) await server.listen(0);
  const other = await Nginx.start(
    "bad-gateway",
    servers.map((server) => server.getPort()),
  );
  const asked = ask(other.url, { method: "POST", body: "x" });
  await Promise.race(servers.map((server) => server.acceptRequest()));
  for (const server of servers) await server.close();
  assert.equal((await asked).status, 502);
  assert.equal((await ask(other.url)).status, 502);
  const page = readFileSync(`${CHECKOUT}/docs/when-something-goes-wrong.md`, "utf8");
  for (const text of ["upstream prematurely closed connection", "connect() failed (111: Connection refused)"]) {
    assert.ok(other.errorLog.includes(text), other.errorLog);
    assert.ok(page.includes(text), text);
  }
  await other.stop();
});

await test("nginx -s reload: no request is lost under load", async () => {
  await underLoad(nginx.url, ["GET", "POST"], async () => {
    for (let i = 0; i < 3; i++) await nginx.reload();
  });
});

await test("restart one by one: no GET is lost under load", async () => {
  const before = apps.map(({ pid }) => pid);
  const pids = await underLoad(nginx.url, ["GET"], async () => {
    for (const app of [...apps, ...apps]) await app.replace();
  });
  for (const { pid } of apps) assert.ok(pids.has(pid) && !before.includes(pid));
});

await test("restart one by one, each taken out of nginx first: no request of any method is lost under load", async () => {
  const pids = await underLoad(nginx.url, ["POST", "PATCH", "GET"], async () => {
    for (const app of [...apps, ...apps]) {
      await nginx.reload([app.port]);
      await app.replace();
      await nginx.reload();
    }
  });
  for (const { pid } of apps) assert.ok(pids.has(pid));
});

await test("nginx has nothing to complain about but the processes that were restarted", async () => {
  const lines = nginx.errorLog.split("\n").filter((line) => /\[(?:error|crit|alert|emerg)\]/.test(line));
  const restarted = /connect\(\) failed \(111|prematurely closed|recv\(\) failed \(104|Broken pipe|Connection reset/;
  assert.deepEqual(
    lines.filter((line) => !restarted.test(line)),
    [],
  );
});

await nginx.stop();
for (const app of apps) await app.stop();
