/** A first prototype: notes as JSON, and the files of `public` in the working directory. Try it with a browser. */
import { readFile } from "node:fs/promises";
import { extname, join, resolve, sep } from "node:path";
import { Http200, Http201, Http400, Http404, newAsyncHttpServer, type Request } from "asynchttpserver";

const PUBLIC = resolve(process.env.PUBLIC ?? "public");
const TYPES: Record<string, string> = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript" };
const notes: unknown[] = [];

const routes: [pattern: RegExp, handler: (request: Request, parameter: string) => Promise<void>][] = [
  [/^GET \/notes$/, (request) => request.respondJson(Http200, notes)],
  [/^POST \/notes$/, (request) => request.respondJson(Http201, { id: notes.push(request.json()) })],
  [/^GET \/notes\/(\d+)$/, (request, id) => request.respondJson(Http200, notes[Number(id) - 1] ?? null)],
  [/^GET (\/.*)$/, sendFile],
];

async function sendFile(request: Request, name: string): Promise<void> {
  const path = join(PUBLIC, decodeURIComponent(name === "/" ? "/index.html" : name));
  // Whatever the dots and escapes were, the file must lie below the directory.
  const bytes = path.startsWith(PUBLIC + sep) ? await readFile(path).catch(() => undefined) : undefined;
  if (bytes === undefined) return request.respondJson(Http404, { error: "not found" });
  return request.respond(Http200, bytes, { "Content-Type": TYPES[extname(path)] ?? "application/octet-stream" });
}

async function callback(request: Request): Promise<void> {
  // HEAD goes to the handlers of GET: `respond` sends no content to it.
  const wanted = `${request.reqMethod === "HEAD" ? "GET" : request.reqMethod} ${request.url.path}`;
  const [pattern, handler] = routes.find(([pattern]) => pattern.test(wanted)) ?? [];
  if (handler === undefined) return request.respondJson(Http404, { error: "not found" });
  try {
    await handler(request, pattern!.exec(wanted)![1] ?? "");
  } catch (error) {
    // A body that is not JSON, a path with a bad escape; everything else is a mistake in this program.
    if (!(error instanceof SyntaxError || error instanceof URIError)) throw error;
    await request.respondJson(Http400, { error: String(error) });
  }
}

const server = newAsyncHttpServer();
void server.serve(Number(process.env.PORT ?? 8080), callback);
server.node.once("listening", () => console.log(server.url));
