/** Stops without losing a request: SIGTERM gives what is under way ten seconds, a second one ends it at once. */
import { setTimeout } from "node:timers/promises";
import { Http200, newAsyncHttpServer } from "asynchttpserver";

const GRACE = 10_000;

async function main(): Promise<void> {
  const server = newAsyncHttpServer();
  process.once("SIGTERM", () => {
    process.once("SIGTERM", () => void server.close().then(() => process.exit()));
    void server.close({ grace: GRACE });
  });
  await server.listen(Number(process.env.PORT ?? 8080));
  console.log(server.url);
  await server.serve(async (request) => {
    await setTimeout(Number(process.env.WORK ?? 100));
    await request.respond(Http200, `answered by ${process.pid}\n`);
  });
  console.log("stopped");
}

void main();
