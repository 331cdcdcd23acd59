/** Files of any size for GET and HEAD, with ranges and "not modified": `node static-files.js public`. */
import { open } from "node:fs/promises";
import { extname, join, resolve, sep } from "node:path";
import { Http200, Http206, Http304, Http404, Http416, newAsyncHttpServer, type Request } from "asynchttpserver";

const ROOT = resolve(process.argv[2] ?? "public");
const TYPES: Record<string, string> = { ".html": "text/html", ".css": "text/css", ".mp4": "video/mp4" };

async function callback(request: Request): Promise<void> {
  const path = join(ROOT, pathOf(request));
  const isGet = request.reqMethod === "GET" || request.reqMethod === "HEAD";
  const file = isGet && path.startsWith(ROOT + sep) ? await open(path).catch(() => undefined) : undefined;
  const stat = await file?.stat();
  if (file === undefined || stat?.isFile() !== true) return request.respond(Http404).finally(() => file?.close());
  const { size, mtime } = stat;
  const modified = mtime.toUTCString();
  const headers = { "Content-Type": TYPES[extname(path)], "Last-Modified": modified, "Accept-Ranges": "bytes" };
  // From here on the stream closes the file, whether it is read to its end or not at all.
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.getOrDefault("Range")) ?? [];
  const start = Number(from ?? 0);
  const end = Math.min(Number(to || size), size - 1);
  const content = file.createReadStream({ start, end: Math.max(start, end) });
  if (request.headers.get("If-Modified-Since") === modified) return request.respond(Http304, content, headers);
  if (from === undefined) return request.respond(Http200, content, { ...headers, "Content-Length": size });
  if (start > end) return request.respond(Http416, content.destroy() && "", { "Content-Range": `bytes */${size}` });
  const range = { "Content-Range": `bytes ${start}-${end}/${size}`, "Content-Length": end - start + 1 };
  return request.respond(Http206, content, { ...headers, ...range });
}

function pathOf({ url }: Request): string {
  try {
    return decodeURIComponent(url.path);
  } catch {
    return "";
  }
}

const server = newAsyncHttpServer();
void server.serve(Number(process.env.PORT ?? 8080), callback);
server.node.once("listening", () => console.log(server.url));
