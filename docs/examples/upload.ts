/** Keeps what is uploaded: `curl -T photo.jpg http://127.0.0.1:8080/photo.jpg`; GET gives it back. */
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Http200, Http201, Http400, Http404, Http405, newAsyncHttpServer, type Request } from "asynchttpserver";

async function callback(request: Request, directory: string): Promise<void> {
  // A plain name and nothing else: no slash, no leading dot, no escapes.
  const name = /^\/(\w[\w.-]{0,99})$/.exec(request.url.path)?.[1];
  if (name === undefined) return request.respond(Http400, "the path must be a file name");
  const path = join(directory, name);
  if (request.reqMethod === "PUT") {
    await writeFile(path, request.rawBody);
    return request.respond(Http201, `${request.rawBody.length} bytes`);
  }
  if (request.reqMethod !== "GET") return request.respond(Http405, "", { Allow: "GET, PUT" });
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) return request.respond(Http404);
  return request.respond(Http200, bytes, { "Content-Type": "application/octet-stream" });
}

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "upload-"));
  const server = newAsyncHttpServer({ maxBody: 64 * 1024 * 1024 });
  await server.listen(Number(process.env.PORT ?? 8080));
  console.log(server.url, "keeps its files in", directory);
  await server.serve((request) => callback(request, directory));
}

void main();
