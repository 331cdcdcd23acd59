import { setTimeout as pause } from "node:timers/promises";
import { newAsyncHttpServer, newHttpHeaders, type AsyncHttpServer, type Request } from "../../lib/index";
import { makeServer } from "./servers";

type Options = NonNullable<Parameters<typeof newAsyncHttpServer>[0]>;
type Route = (request: Request) => Promise<unknown>;

/** The response of the echo route: the fields of the request, as the Nim server of `nim-cases.json` gave them. */
export interface Echo {
  readonly reqMethod: string;
  readonly url: Readonly<Record<string, string | boolean>>;
  readonly protocol: { readonly orig: string; readonly major: number; readonly minor: number };
  readonly hostname: string;
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  readonly bodyLen: number;
  readonly bodyHex: string;
}

/** A `Uri` without any of its parts. */
export const noUrl: Echo["url"] = {
  scheme: "",
  username: "",
  password: "",
  hostname: "",
  port: "",
  path: "",
  query: "",
  anchor: "",
  opaque: false,
};

/** A served {@link parityRoutes} with what it saw. */
export interface ParityApp {
  readonly server: AsyncHttpServer;
  /** Every request that a handler was given, as `METHOD target`, in order. */
  readonly ran: string[];
  /** Every error that a handler threw. */
  readonly errors: unknown[];
}

/** The timeouts of a server on which a test waits for one to run out. */
export const shortTimeouts: Options = {
  http: { headersTimeout: 150, requestTimeout: 200, keepAliveTimeout: 150, connectionsCheckingInterval: 40 },
};

/** Serves the routes below, or another handler, on a free port until the end of the test. */
export async function startParityApp(options: Options = {}, handler: Route = parityRoutes): Promise<ParityApp> {
  const app = makeApp(makeServer, options);
  await serve(app, handler);
  return app;
}

/** Serves the routes below for all tests of a file; called outside of them. */
export function shareParityApp(options: Options = {}): ParityApp {
  const app = makeApp(newAsyncHttpServer, options);
  beforeAll(() => serve(app, parityRoutes));
  afterAll(() => app.server.close());
  return app;
}

function makeApp(make: (options: Options) => AsyncHttpServer, options: Options): ParityApp {
  const errors: unknown[] = [];
  return { server: make({ onError: (error) => errors.push(error), ...options }), ran: [], errors };
}

async function serve({ server, ran }: ParityApp, handler: Route): Promise<void> {
  await server.listen(0);
  void server.serve((request) => {
    ran.push(`${request.reqMethod} ${request.url}`);
    return handler(request);
  });
}

/** The routes of the server with which `nim-cases.json` was measured: a status, a fixed one, or else the echo. */
export async function parityRoutes(request: Request): Promise<void> {
  const { path } = request.url;
  const status = /^\/status\/([0-9]+)$/.exec(path);
  if (status !== null) await respondStatus(request, Number(status[1]));
  else await (routes[path] ?? echoFields)(request);
}

async function echoFields(request: Request): Promise<void> {
  const { scheme, username, password, hostname, port, path, query, anchor, opaque } = request.url;
  const { orig, major, minor } = request.protocol;
  const fields: Echo = {
    reqMethod: request.reqMethod,
    url: { scheme, username, password, hostname, port, path, query, anchor, opaque },
    protocol: { orig, major, minor },
    hostname: request.hostname,
    headers: [...request.headers].map(([name, value]): [string, string] => [shorten(name), value]),
    bodyLen: request.rawBody.length,
    bodyHex: request.rawBody.toString("hex"),
  };
  await request.respond(200, JSON.stringify(fields), { "content-type": "application/json" });
}

/** That server wrote a very long header name as its start and its length. */
function shorten(name: string): string {
  return name.length > 200 ? `${name.slice(0, 200)}...(${name.length})` : name;
}

async function respondStatus(request: Request, code: number): Promise<void> {
  await request.respond(code, `status ${code}`);
  // RFC 9110 15.2: an interim response is not the final one; behind a 101 there is none.
  if (code < 200 && code !== 101) await request.respond(200, `final after ${code}`);
}

const routes: Readonly<Record<string, Route>> = {
  "/noheaders": (request) => request.respond(200, "plain body"),
  "/emptyheaders": (request) => request.respond(200, "plain body", newHttpHeaders()),
  "/emptybody": (request) => request.respond(200, ""),
  "/customlen": (request) => request.respond(200, "Hello World, 200", { "Content-Length": "0" }),
  "/multi": (request) =>
    request.respond(
      200,
      "multi",
      newHttpHeaders([
        ["Set-Cookie", "a=1"],
        ["X-One", "1"],
        ["set-cookie", "b=2, c"],
      ]),
    ),
  "/title": (request) => request.respond(200, "title", newHttpHeaders([["x-custom-name", "v"]], true)),
  "/te": (request) => request.respond(200, "chunked content", { "Transfer-Encoding": "chunked" }),
  "/sendheaders": async (request) => {
    await request.sendHeaders({ "Transfer-Encoding": "chunked", "Content-Length": "0" });
    await request.respond(200, "");
  },
  "/raise": () => {
    throw new Error("raised");
  },
  // The pauses give the client time to send what it likes while its request is handled.
  "/raiselater": async () => {
    await pause(20);
    throw new Error("raised later");
  },
  "/raiseafter": async (request) => {
    await request.respond(200, "answered, then raised");
    throw new Error("raised after the response");
  },
  "/noresponse": async () => undefined,
  "/twice": async (request) => {
    await request.respond(200, "first");
    await request.respond(200, "second");
  },
  "/slow": async (request) => {
    await pause(40);
    await request.respond(200, "slow done");
  },
  "/close": (request) => request.respond(200, "closing", { Connection: "close" }),
};
