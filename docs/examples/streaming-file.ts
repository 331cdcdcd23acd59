/** Sends a file, however large, in the memory of a few chunks: `node streaming-file.js film.mp4`. */
import { open } from "node:fs/promises";
import { Http200, Http404, newAsyncHttpServer, type Request } from "asynchttpserver";

const path = process.argv[2] ?? __filename;

async function callback(request: Request): Promise<void> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return request.respond(Http404, "there is no such file");
  const { size } = await file.stat();
  // The stream closes the file, whether it is read to its end or not.
  const headers = { "Content-Type": "application/octet-stream", "Content-Length": size };
  await request.respond(Http200, file.createReadStream(), headers);
}

async function main(): Promise<void> {
  const server = newAsyncHttpServer();
  await server.listen(Number(process.env.PORT ?? 8080));
  console.log(server.url);
  await server.serve(callback);
}

void main();
