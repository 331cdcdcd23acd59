// Compiled, never run: what a user writes has the types that the contract promises.
import type * as http from "node:http";
import type * as net from "node:net";
import {
  type AsyncHttpServer,
  type HttpHeaders,
  type HttpMethod,
  Http200,
  Http404,
  HttpGet,
  type Request,
  type Uri,
  type WaitOptions,
  newAsyncHttpServer,
  newHttpHeaders,
  parseUri,
} from "asynchttpserver";
import { startTestServer } from "asynchttpserver/testing";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function is<_Check extends true>(): void {}

export async function aServer(server: AsyncHttpServer): Promise<void> {
  is<Same<typeof server.url, string>>();
  is<Same<typeof server.node, http.Server>>();
  is<Same<ReturnType<typeof server.getPort>, number>>();
  is<Same<ReturnType<typeof server.shouldAcceptRequest>, boolean>>();
  is<Same<ReturnType<typeof server.close>, Promise<void>>>();
  const wait: WaitOptions = { timeout: 100, signal: AbortSignal.timeout(100) };
  const request = await server.acceptRequest(wait);
  is<Same<typeof request, Request>>();
  await server.acceptRequest((next) => next.respond(Http200, "", { "x-name": "value" }), wait);
  await server.serve(0, async (next) => {
    is<Same<typeof next, Request>>();
  });
  for await (const next of server) {
    is<Same<typeof next, Request>>();
    break;
  }
  // @ts-expect-error: what the server is, only it changes
  server.url = "";
  // @ts-expect-error: the type shows that a promise comes back, not a request
  server.acceptRequest().respond(Http200);
}

export async function aRequest(request: Request): Promise<void> {
  is<Same<typeof request.client, net.Socket>>();
  is<Same<typeof request.reqMethod, HttpMethod>>();
  is<Same<typeof request.headers, HttpHeaders>>();
  is<Same<typeof request.url, Uri>>();
  is<Same<typeof request.hostname, string>>();
  is<Same<typeof request.body, string>>();
  is<Same<typeof request.signal, AbortSignal>>();
  is<Same<typeof request.raw, http.IncomingMessage>>();
  const bytes: Buffer = request.rawBody;
  const form: URLSearchParams = request.form();
  const { orig, major, minor } = request.protocol;
  is<Same<[typeof orig, typeof major, typeof minor], [string, number, number]>>();
  const untyped = request.json();
  is<Same<typeof untyped, unknown>>();
  const typed = request.json<{ name: string }>();
  is<Same<typeof typed, { name: string }>>();
  if (request.reqMethod === HttpGet) await request.respond(Http404, bytes, newHttpHeaders([["a", "b"]]));
  await request.respond(Http200, form.toString(), new Headers());
  await request.sendHeaders({ "content-type": "text/plain" }, Http200);
  // @ts-expect-error: a request is read only
  request.body = "";
  // @ts-expect-error: a number is no content
  await request.respond(Http200, 1);
}

export async function testing(): Promise<void> {
  const server = await startTestServer();
  const plain: AsyncHttpServer = server;
  is<Same<ReturnType<typeof plain.getPort>, number>>();
  const first: Request | undefined = server.requests[0];
  await first?.respond(Http200);
  await startTestServer((request) => request.respond(Http200));
  newAsyncHttpServer({ maxBody: 10, onError: (error, request) => console.log(error, request?.url.path) });
  // @ts-expect-error: an unknown option is a mistake
  newAsyncHttpServer({ maxBodySize: 10 });
  const uri = parseUri("/");
  is<Same<typeof uri, Uri>>();
}
