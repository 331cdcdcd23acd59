/** Nim's own loop: it accepts requests for as long as there are descriptors for them, and never waits for a response. */
import { setTimeout } from "node:timers/promises";
import { Http200, newAsyncHttpServer, type Request } from "asynchttpserver";

async function callback(request: Request): Promise<void> {
  await setTimeout(200);
  await request.respond(Http200, `${request.reqMethod} ${request.url.path}\n`, { "Content-Type": "text/plain" });
}

async function main(): Promise<void> {
  const server = newAsyncHttpServer();
  await server.listen(Number(process.env.PORT ?? 8080));
  console.log(server.url);
  while (true) {
    if (server.shouldAcceptRequest()) await server.acceptRequest(callback);
    else await setTimeout(500);
  }
}

void main();
