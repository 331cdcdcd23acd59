/** A JSON API with one route: `curl -d '{"a":1}' http://127.0.0.1:8080/echo`. */
import { Http200, Http400, Http404, HttpPost, newAsyncHttpServer, type Request } from "asynchttpserver";

function callback(request: Request): Promise<void> {
  if (request.reqMethod !== HttpPost || request.url.path !== "/echo") {
    return request.respondJson(Http404, { error: "POST /echo is all there is" });
  }
  try {
    return request.respondJson(Http200, { received: request.json() });
  } catch (error) {
    return request.respondJson(Http400, { error: (error as SyntaxError).message });
  }
}

async function main(): Promise<void> {
  const server = newAsyncHttpServer();
  await server.listen(Number(process.env.PORT ?? 8080));
  console.log(server.url);
  await server.serve(callback);
}

void main();
