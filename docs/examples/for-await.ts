/** The requests as an async iterable. The loop does not await the responses, so that they are made side by side. */
import { setTimeout } from "node:timers/promises";
import { Http200, newAsyncHttpServer, type Request } from "asynchttpserver";

async function answer(request: Request): Promise<void> {
  await setTimeout(200);
  await request.respond(Http200, `Hello ${request.hostname}\n`, { "Content-Type": "text/plain" });
}

async function main(): Promise<void> {
  const server = newAsyncHttpServer();
  await server.listen(Number(process.env.PORT ?? 8080));
  console.log(server.url);
  process.once("SIGINT", () => void server.close());
  for await (const request of server) answer(request).catch(console.error);
  console.log("closed");
}

void main();
