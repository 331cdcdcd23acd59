/** Passes requests on as they come, and the responses back: `node streaming-proxy.js http://127.0.0.1:9000`. */
import { Http502, newAsyncHttpServer, type Request } from "asynchttpserver";

const upstream = process.argv[2] ?? "http://127.0.0.1:9000";
/** RFC 9110 7.6.1: the fields that concern one connection only; and those that fetch sees to itself. */
const OWN = /^(?:connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|host|content-(?:length|encoding))$/i;

const passedOn = (fields: Iterable<readonly [string, string]>) =>
  Array.from(fields).filter(([name]) => !OWN.test(name));

async function callback(request: Request): Promise<void> {
  const { reqMethod: method, url, signal } = request;
  const body = /^(?:GET|HEAD)$/.test(method) ? {} : { body: request.bodyStream, duplex: "half" };
  // Without the last two, Node's fetch keeps the whole body in memory, for a redirect.
  const init = { method, headers: passedOn(request.headers), signal, ...body, redirect: "error", window: null };
  const target = url.query === "" ? url.path : `${url.path}?${url.query}`;
  const response = await fetch(upstream + target, init as unknown as RequestInit).catch(() => undefined);
  if (response === undefined) return request.respond(Http502);
  await request.respond(response.status, response.body ?? "", passedOn(response.headers));
}

async function main(): Promise<void> {
  const server = newAsyncHttpServer({ stream: true });
  await server.listen(Number(process.env.PORT ?? 8080));
  console.log(server.url, "passes on to", upstream);
  await server.serve(callback);
}

void main();
