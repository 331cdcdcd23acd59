/** Several processes on one port: start this program as often as you like (Node 22.12 or 23.1 on Linux). */
import { Http200, newAsyncHttpServer } from "asynchttpserver";

async function main(): Promise<void> {
  const server = newAsyncHttpServer({ reusePort: true });
  process.once("SIGTERM", () => void server.close({ grace: 10_000 }));
  await server.listen(Number(process.env.PORT ?? 8080));
  console.log(`process ${process.pid} on ${server.url}`);
  await server.serve((request) => request.respond(Http200, `process ${process.pid}\n`));
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
