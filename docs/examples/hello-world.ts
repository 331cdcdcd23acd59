/** Says Hello World to everybody: `npm start`, then `curl http://127.0.0.1:8080`. PORT chooses another port. */
import { Http200, newAsyncHttpServer } from "asynchttpserver";

const port = Number(process.env.PORT ?? 8080);

async function main(): Promise<void> {
  const server = newAsyncHttpServer();
  await server.listen(port);
  console.log(`Hello World on ${server.url} (Ctrl-C ends it)`);
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => void server.close());
  await server.serve((request) => request.respond(Http200, "Hello World", { "Content-Type": "text/plain" }));
}

main().catch((error: NodeJS.ErrnoException) => {
  const inUse = `port ${port} is in use: end what listens there, or choose another port with PORT=8081`;
  console.error(error.code === "EADDRINUSE" ? inUse : error.message);
  process.exitCode = 1;
});
