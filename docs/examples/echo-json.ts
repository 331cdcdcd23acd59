/** A JSON API with one route: `curl -d '{"a":1}' http://127.0.0.1:8080/echo`. */
import { Http200, Http400, Http404, HttpPost, newAsyncHttpServer, type HttpCode, type Request } from "asynchttpserver";

function respondJson(request: Request, code: HttpCode, value: unknown): Promise<void> {
  return request.respond(code, JSON.stringify(value), { "Content-Type": "application/json" });
}

function callback(request: Request): Promise<void> {
  if (request.reqMethod !== HttpPost || request.url.path !== "/echo") {
    return respondJson(request, Http404, { error: "POST /echo is all there is" });
  }
  try {
    return respondJson(request, Http200, { received: request.json() });
  } catch (error) {
    return respondJson(request, Http400, { error: (error as SyntaxError).message });
  }
}

async function main(): Promise<void> {
  const server = newAsyncHttpServer();
  await server.listen(Number(process.env.PORT ?? 8080));
  console.log(server.url);
  await server.serve(callback);
}

void main();
