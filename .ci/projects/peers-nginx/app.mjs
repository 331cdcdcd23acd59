// What stands behind nginx: tells what it was asked, and stops gently on SIGTERM.
import { setTimeout } from "node:timers/promises";
import { newAsyncHttpServer } from "asynchttpserver";
import { WebSocketServer } from "ws";

const sockets = new WebSocketServer({ noServer: true });
const server = newAsyncHttpServer({ maxBody: 1_000_000 });
let connections = 0;

process.once("SIGTERM", () => void server.close({ grace: 10_000 }));
process.on("message", (question) => {
  if (question === "connections") process.send({ connections });
});
server.node.on("connection", () => connections++);

async function* events(signal) {
  for (let id = 1; !signal.aborted; id++) {
    yield `id: ${id}\n\n`;
    await setTimeout(20);
  }
}

async function answer(request) {
  const { headers, url, rawBody, raw, client, head, signal } = request;
  if (headers.values("Upgrade").contains("websocket")) {
    return sockets.handleUpgrade(raw, client, head, (socket) => {
      socket.on("message", (data, binary) => socket.send(data, { binary }));
    });
  }
  if (url.path === "/live/events") return request.respond(200, events(signal), { "Content-Type": "text/event-stream" });
  if (url.path === "/work") await setTimeout(Math.random() * 10);
  const told = {
    pid: process.pid,
    method: request.reqMethod,
    bytes: rawBody.length,
    body: rawBody.length < 100 ? request.body : "",
    peer: request.hostname,
    headers: Object.fromEntries(
      raw.rawHeaders.flatMap((name, i, all) => (i % 2 ? [] : [[name.toLowerCase(), all[i + 1]]])),
    ),
  };
  await request.respond(200, JSON.stringify(told), { "Content-Type": "application/json" });
}

await server.listen(Number(process.env.PORT));
process.send({ port: server.getPort() });
await server.serve(answer);
process.disconnect();
