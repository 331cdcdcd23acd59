/** HTTPS: `KEY=key.pem CERT=cert.pem node https.js`, then `curl --cacert cert.pem https://localhost:8443`. */
import { readFileSync } from "node:fs";
import { Http200, newAsyncHttpServer } from "asynchttpserver";

async function main(): Promise<void> {
  const server = newAsyncHttpServer({
    tls: {
      key: readFileSync(process.env.KEY ?? "key.pem"),
      cert: readFileSync(process.env.CERT ?? "cert.pem"),
    },
  });
  await server.listen(Number(process.env.PORT ?? 8443));
  console.log(server.url);
  await server.serve((request) => request.respond(Http200, "nobody else has read this\n"));
}

void main();
