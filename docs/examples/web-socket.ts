/** WebSockets beside ordinary requests on one port, by the package ws: `npm install ws` first. */
import { Http200, newAsyncHttpServer, type Request } from "asynchttpserver";
// In an ES module, and with @types/ws: import { WebSocketServer, type WebSocket } from "ws";
const { WebSocketServer } = require("ws");
type WebSocket = { on(event: string, listener: (data: Buffer, binary: boolean) => void): void; send: Function };
const sockets = new WebSocketServer({ noServer: true });

function echo(socket: WebSocket): void {
  socket.on("message", (data, binary) => socket.send(data, { binary }));
}

async function callback(request: Request): Promise<void> {
  const { raw, client, head, headers } = request;
  if (!headers.values("Upgrade").contains("websocket")) return request.respond(Http200, "no WebSocket\n");
  sockets.handleUpgrade(raw, client, head, echo);
}

async function main(): Promise<void> {
  const server = newAsyncHttpServer();
  process.once("SIGTERM", () => {
    // The WebSockets are ours to end; 1001 is "going away".
    for (const socket of sockets.clients) socket.close(1001);
    void server.close({ grace: 10_000 });
  });
  await server.listen(Number(process.env.PORT ?? 8080));
  console.log(server.url);
  await server.serve(callback);
}

void main();
