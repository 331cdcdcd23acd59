// Runs on the Node to be tried.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { newAsyncHttpServer } from "asynchttpserver";
import { testCertificate } from "asynchttpserver/testing";
import { WebSocket as UndiciSocket } from "undici";
import { WebSocket as WsSocket, WebSocketServer } from "ws";

function check(name, body) {
  const started = [];
  return test(name, async () => {
    try {
      await body((options, wsOptions) => startEcho(started, options, wsOptions));
    } finally {
      for (const server of started) await server.close();
    }
  });
}

/** A server whose WebSockets say what they hear; `errors` has what its callbacks threw. */
async function startEcho(started, options, wsOptions) {
  const errors = [];
  const server = newAsyncHttpServer({ onError: (error) => errors.push(error), ...options });
  const sockets = new WebSocketServer({ noServer: true, ...wsOptions });
  await server.listen(0);
  started.push(server);
  void server.serve((request) => {
    if (!request.headers.values("Upgrade").contains("websocket")) return request.respond(200, request.body);
    sockets.handleUpgrade(request.raw, request.client, request.head, (socket) => {
      socket.on("error", () => {});
      socket.on("message", (data, binary) => socket.send(data, { binary }));
    });
  });
  return { server, errors, url: server.url.replace("http", "ws") };
}

/** Opens a WebSocket of either make. */
async function open(Socket, url, ...options) {
  const socket = new Socket(url, ...options);
  socket.binaryType = "arraybuffer";
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", (event) => reject(event.error ?? new Error(event.message)));
  });
  return socket;
}

function next(socket, event) {
  return new Promise((resolve) => socket.addEventListener(event, resolve, { once: true }));
}

async function expectEcho(socket, message) {
  const heard = next(socket, "message");
  socket.send(message);
  const { data } = await heard;
  if (typeof message === "string") assert.equal(data, message);
  else assert.ok(Buffer.from(data).equals(message));
}

const makes = [
  ["ws", WsSocket],
  ["undici's WebSocket", UndiciSocket],
  ...(globalThis.WebSocket === undefined ? [] : [["Node's own WebSocket", globalThis.WebSocket]]),
];
for (const [name, Socket] of makes) {
  await check(`${name}: text, bytes, a megabyte, a hundred in a row, an orderly end`, async (start) => {
    const { server, url, errors } = await start();
    const socket = await open(Socket, url);
    await expectEcho(socket, "hé 👋");
    await expectEcho(socket, randomBytes(1_000));
    await expectEcho(socket, randomBytes(1_048_576));
    for (let i = 0; i < 100; i++) await expectEcho(socket, `message ${i}`);
    const closed = next(socket, "close");
    socket.close(1000, "enough");
    assert.equal((await closed).code, 1000);
    assert.equal(await (await fetch(server.url, { method: "POST", body: "plain" })).text(), "plain");
    assert.deepEqual(errors, []);
  });

  await check(`${name}: compressed`, async (start) => {
    const { url } = await start({}, { perMessageDeflate: { threshold: 0 } });
    const socket = await open(Socket, url);
    assert.match(socket.extensions, /permessage-deflate/);
    await expectEcho(socket, "again ".repeat(10_000));
    socket.close();
    await next(socket, "close");
  });

  await check(`${name}: fifty at once, beside plain requests`, async (start) => {
    const { server, url } = await start();
    const sockets = await Promise.all(Array.from({ length: 50 }, () => open(Socket, url)));
    await Promise.all([
      ...sockets.map((socket, i) => expectEcho(socket, `socket ${i}`)),
      ...sockets.map(async (_, i) =>
        assert.equal(await (await fetch(server.url, { method: "POST", body: `${i}` })).text(), `${i}`),
      ),
    ]);
    for (const socket of sockets) socket.close();
  });

  await check(`${name}: an upgrade that is not taken up is an error of the client's, the server goes on`, async () => {
    const server = newAsyncHttpServer();
    await server.listen(0);
    void server.serve((request) => request.respond(426, "no WebSocket"));
    await assert.rejects(open(Socket, server.url.replace("http", "ws")));
    assert.equal((await fetch(server.url)).status, 426);
    await server.close();
  });

  await check(`${name}: close cuts it at once`, async (start) => {
    const { server, url } = await start();
    const socket = await open(Socket, url);
    const closed = next(socket, "close");
    const before = performance.now();
    await server.close();
    assert.ok(performance.now() - before < 1_000);
    assert.equal((await closed).code, 1006);
  });
}

await check("ws over TLS", async (start) => {
  const { url } = await start({ tls: testCertificate });
  const socket = await open(WsSocket, url, { ca: testCertificate.cert });
  await expectEcho(socket, "secret");
  socket.close();
  await next(socket, "close");
});

await check("a frame in the same packet as the upgrade request", async (start) => {
  const { server } = await start();
  const socket = connect(server.getPort(), "127.0.0.1");
  const head =
    "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
  const frame = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]);
  socket.write(
    Buffer.concat([Buffer.from(`${head}Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`), frame]),
  );
  let received = Buffer.alloc(0);
  while (received.indexOf(Buffer.from([0x81, 0x02, 0x68, 0x69])) < 0)
    received = Buffer.concat([received, (await once(socket, "data"))[0]]);
  assert.match(received.toString("latin1"), /^HTTP\/1\.1 101 /);
  socket.destroy();
});

await check("clients that reset, before and after the upgrade, harm nobody", async (start) => {
  const { server, url, errors } = await start();
  for (let i = 0; i < 20; i++) {
    const early = connect(server.getPort(), "127.0.0.1");
    await once(early, "connect");
    early.write("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    early.resetAndDestroy();
    const socket = await open(WsSocket, url);
    socket._socket.resetAndDestroy();
  }
  const socket = await open(WsSocket, url);
  await expectEcho(socket, "still there");
  assert.deepEqual(errors, []);
  socket.terminate();
});

await check("docs/examples/web-socket.ts: says goodbye with 1001 when it is stopped, and ends", async () => {
  const program = spawn(process.execPath, ["web-socket.js"], {
    env: { ...process.env, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(program, "close");
  const [line] = await once(program.stdout, "data");
  const url = String(line).trim();
  assert.equal(await (await fetch(url)).text(), "no WebSocket\n");
  const socket = await open(WsSocket, url.replace("http", "ws"));
  await expectEcho(socket, "hello");
  const closed = next(socket, "close");
  program.kill("SIGTERM");
  assert.equal((await closed).code, 1001);
  assert.deepEqual(await ended, [0, null]);
});
