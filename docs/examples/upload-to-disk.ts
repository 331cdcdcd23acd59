/** Takes uploads of any size in the memory of a few chunks: `curl -T film.mp4 http://127.0.0.1:8080/film.mp4`. */
import { createWriteStream } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Http201, Http400, Http405, newAsyncHttpServer, type Request } from "asynchttpserver";

async function callback(request: Request, directory: string): Promise<void> {
  // Nothing of the body was read: a client that waits for 100 Continue has not sent it yet.
  if (request.reqMethod !== "PUT") return request.respond(Http405, "", { Allow: "PUT" });
  // A plain name and nothing else: no slash, no leading dot, no escapes.
  const name = /^\/(\w[\w.-]{0,99})$/.exec(request.url.path)?.[1];
  if (name === undefined) return request.respond(Http400, "the path must be a file name");
  const folder = await mkdtemp(join(directory, ".unfinished-"));
  // As fast as the disk takes it; fails if the client disconnects.
  const received = pipeline(request.bodyStream, createWriteStream(join(folder, name)));
  await received
    .then(() => rename(join(folder, name), join(directory, name)))
    .finally(() => rm(folder, { recursive: true }));
  await request.respond(Http201);
}

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "upload-"));
  const server = newAsyncHttpServer({ stream: true });
  await server.listen(Number(process.env.PORT ?? 8080));
  console.log(server.url, "keeps its files in", directory);
  await server.serve((request) => callback(request, directory));
}

void main();
