/** Listens on a file instead of a port: `curl --unix-socket ./app.sock http://localhost/`. */
import { chmodSync } from "node:fs";
import { Http200, newAsyncHttpServer } from "asynchttpserver";

const path = process.env.SOCKET ?? "./app.sock";

async function main(): Promise<void> {
  const server = newAsyncHttpServer();
  // Closing deletes the file. If a process that was killed has left one, `listen` rejects and says so.
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void server.close());
  await server.listen(0, path);
  // Who may connect: the owner and the group, such as that of nginx.
  chmodSync(path, 0o660);
  console.log(server.url);
  await server.serve((request) => request.respond(Http200, "by way of a file\n"));
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
