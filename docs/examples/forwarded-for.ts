/** Who the client is, behind a proxy on the same machine that sets X-Forwarded-For. */
import { Http200, newAsyncHttpServer, type Request } from "asynchttpserver";

/** The peers whose word is taken; everybody can write X-Forwarded-For into a request of their own. */
const PROXIES = new Set(["127.0.0.1", "::1"]);

/** The address that the nearest proxy has seen, which is the last that it has added. */
function clientAddress(request: Request): string {
  if (!PROXIES.has(request.hostname)) return request.hostname;
  return request.headers.values("X-Forwarded-For").elements().at(-1) ?? request.hostname;
}

async function main(): Promise<void> {
  const server = newAsyncHttpServer();
  await server.listen(Number(process.env.PORT ?? 8080));
  console.log(server.url);
  await server.serve((request) => request.respond(Http200, `${clientAddress(request)}\n`));
}

void main();
