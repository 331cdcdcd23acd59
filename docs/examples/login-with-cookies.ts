/** A login that a cookie remembers: `curl -c jar -d 'user=ada&password=secret' …/login`, then `curl -b jar …/`. */
import { randomUUID } from "node:crypto";
import { Http200, Http303, Http403, Http404, newAsyncHttpServer, type Request } from "asynchttpserver";

const users = new Map<string, string>();

function callback(request: Request): Promise<void> {
  const cookies = request.headers.getOrDefault("Cookie").split("; ");
  const session = cookies.find((cookie) => cookie.startsWith("session="))?.slice("session=".length) ?? "";
  const route = `${request.reqMethod} ${request.url.path}`;
  if (route === "POST /login") {
    const form = request.form();
    if (form.get("password") !== "secret") return request.respond(Http403, "wrong password");
    const fresh = randomUUID();
    users.set(fresh, form.get("user") ?? "nobody");
    const cookie = `session=${fresh}; HttpOnly; SameSite=Lax; Path=/`;
    return request.respond(Http303, "", { Location: "/", "Set-Cookie": cookie });
  }
  if (route === "POST /logout") users.delete(session);
  else if (route !== "GET /") return request.respond(Http404);
  const user = users.get(session);
  return user === undefined ? request.respond(Http403, "please log in") : request.respond(Http200, `Hello ${user}`);
}

const server = newAsyncHttpServer();
void server.serve(Number(process.env.PORT ?? 8080), callback);
server.node.once("listening", () => console.log(server.url));
