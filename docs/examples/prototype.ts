/** A first prototype: notes as JSON, and the files of the directory `public` beside it. Try it with a browser. */
import { readFile } from "node:fs/promises";
import { extname, join, resolve, sep } from "node:path";
import { Http200, Http201, Http400, Http404, newAsyncHttpServer, type Request } from "asynchttpserver";

const PUBLIC = resolve(process.env.PUBLIC ?? "public");
const TYPES: Record<string, string> = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript" };
const notes: unknown[] = [];

const routes: Record<string, (request: Request) => Promise<void>> = {
  "GET /notes": (request) => request.respondJson(Http200, notes),
  "POST /notes": (request) => request.respondJson(Http201, { id: notes.push(request.json()) }),
};

async function sendFile(request: Request): Promise<void> {
  const path = join(PUBLIC, decodeURIComponent(request.url.path === "/" ? "/index.html" : request.url.path));
  // Whatever the dots and escapes were, the file must lie below the directory.
  const wanted = request.reqMethod === "GET" && path.startsWith(PUBLIC + sep);
  const bytes = wanted ? await readFile(path).catch(() => undefined) : undefined;
  if (bytes === undefined) return request.respondJson(Http404, { error: "not found" });
  return request.respond(Http200, bytes, { "Content-Type": TYPES[extname(path)] ?? "application/octet-stream" });
}

async function callback(request: Request): Promise<void> {
  try {
    await (routes[`${request.reqMethod} ${request.url.path}`] ?? sendFile)(request);
  } catch (error) {
    // A body that is not JSON, a path with a bad escape; everything else is a mistake in this program.
    if (!(error instanceof SyntaxError || error instanceof URIError)) throw error;
    await request.respondJson(Http400, { error: String(error) });
  }
}

const server = newAsyncHttpServer();
void server.serve(Number(process.env.PORT ?? 8080), callback);
server.node.once("listening", () => console.log(server.url));
