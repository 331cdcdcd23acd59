/** Server-sent events: `curl -N http://127.0.0.1:8080/events` gets five a second until it disconnects. */
import { setTimeout } from "node:timers/promises";
import { Http200, Http404, newAsyncHttpServer, type Request } from "asynchttpserver";

async function* events(): AsyncGenerator<string> {
  console.log("a client has come");
  try {
    for (let id = 1; ; id++) {
      yield `id: ${id}\ndata: ${new Date().toISOString()}\n\n`;
      await setTimeout(200);
    }
  } finally {
    console.log("a client has disconnected");
  }
}

function callback(request: Request): Promise<void> {
  if (request.url.path !== "/events") return request.respond(Http404);
  return request.respond(Http200, events(), { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
}

async function main(): Promise<void> {
  const server = newAsyncHttpServer();
  await server.listen(Number(process.env.PORT ?? 8080));
  console.log(server.url);
  await server.serve(callback);
}

void main();
