const { spawn } = require("node:child_process");
const { once } = require("node:events");
const net = require("node:net");
const { startTestServer } = require("asynchttpserver/testing");

const halfARequest = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf";

test("a client in mid-request, in this process", async () => {
  const server = await startTestServer();
  const socket = net.connect(server.getPort(), "127.0.0.1");
  const connected = once(server.node, "connection");
  await once(socket, "connect");
  await connected;
  socket.unref();
  socket.write(halfARequest);
});

test("a client in mid-request, in a process of its own", async () => {
  const server = await startTestServer();
  const arrived = once(server.node, "connection");
  const code = `require("node:net").connect(${server.getPort()}, "127.0.0.1").on("error", () => {}).write(${JSON.stringify(halfARequest)})`;
  spawn(process.execPath, ["--eval", code], { stdio: "ignore" }).unref();
  await arrived;
});
