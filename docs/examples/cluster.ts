/** Several processes on one port, on every Node. One that dies is replaced; SIGTERM stops all, SIGHUP renews all. */
import cluster from "node:cluster";
import { once } from "node:events";
import { Http200, newAsyncHttpServer } from "asynchttpserver";

async function work(): Promise<void> {
  const server = newAsyncHttpServer();
  process.once("SIGTERM", () => void server.close({ grace: 10_000 }));
  await server.serve(Number(process.env.PORT ?? 8080), (request) =>
    request.respond(Http200, `process ${process.pid}\n`),
  );
}

async function renew(): Promise<void> {
  for (const old of Object.values(cluster.workers ?? {})) {
    await once(cluster.fork(), "listening");
    old?.kill();
  }
}

function lead(): void {
  for (let i = 0; i < Number(process.env.WORKERS ?? 4); i++) cluster.fork();
  cluster.on("listening", (worker, { port }) => console.log(`process ${worker.process.pid} on port ${port}`));
  cluster.on("exit", (worker) => worker.exitedAfterDisconnect || cluster.fork());
  process.on("SIGHUP", () => void renew());
  process.once("SIGTERM", () => Object.values(cluster.workers ?? {}).forEach((worker) => worker?.kill()));
}

if (cluster.isPrimary) lead();
// A worker that ends by `disconnect` means to, also when the port is in use, and is not replaced.
else
  void work()
    .catch(console.error)
    .finally(() => cluster.worker?.disconnect());
