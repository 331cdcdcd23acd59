import { once } from "node:events";
import type { Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { newAsyncHttpServer, type AsyncHttpServer, type AsyncHttpServerOptions, type Request } from "../../lib/index";
import { closeRawClients, RawClient } from "./raw-client";

const made: AsyncHttpServer[] = [];

/**
 * A server that does not listen yet; it is closed after the test.
 *
 * @param make of another copy of the package, where the copy is what is tested
 */
export function makeServer(options?: AsyncHttpServerOptions, make = newAsyncHttpServer): AsyncHttpServer {
  const server = make(options);
  made.push(server);
  return server;
}

/** The one way to start a server in a test: on a free port, closed after the test. */
export async function startServer(options?: AsyncHttpServerOptions): Promise<AsyncHttpServer> {
  const server = makeServer(options);
  await server.listen(0);
  return server;
}

/** A started server that serves every request with one handler. */
export async function startServing(
  callback: (request: Request) => unknown,
  options?: AsyncHttpServerOptions,
): Promise<AsyncHttpServer> {
  const server = await startServer(options);
  void server.serve(callback);
  return server;
}

/**
 * Closes every server of the test while its clients are still there, twice.
 *
 * What is left afterwards is a leak and fails the test: a handler's error that nobody took, a port, a connection.
 */
afterEach(async () => {
  const leaks: unknown[] = [];
  for (const server of made.splice(0)) {
    await server.close().catch((error: unknown) => leaks.push(error));
    await server.close();
    if (server.node.listening) leaks.push("the server still listens");
    const open = await new Promise((resolve) => server.node.getConnections((_error, count) => resolve(count)));
    if (open !== 0) leaks.push(`${String(open)} connections are still open`);
  }
  closeRawClients();
  expect(leaks).toEqual([]);
});

/** The server's end of the next connection. */
export async function nextSocket(server: AsyncHttpServer): Promise<Socket> {
  const [socket] = (await once(server.node, "connection")) as [Socket];
  return socket;
}

/** Settles when the server has seen the end of a connection. */
export async function disconnected(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
  // A socket says that it is closed before its listeners are told.
  await turn();
}

/** A client that has sent these bytes, a GET unless told, on a connection of its own. */
export async function send(
  server: AsyncHttpServer,
  bytes: string | Uint8Array = get(),
  ...methods: readonly string[]
): Promise<RawClient> {
  const client = await RawClient.connect(server, methods);
  await client.send(bytes);
  return client;
}

/** A request that was accepted, with both its ends. */
export interface Asked {
  readonly server: AsyncHttpServer;
  readonly client: RawClient;
  readonly request: Request;
}

/** Sends a request on a connection of its own, and accepts it. */
export async function askOn(
  server: AsyncHttpServer,
  bytes?: string | Uint8Array,
  ...methods: readonly string[]
): Promise<Asked> {
  const client = await send(server, bytes, ...methods);
  return { server, client, request: await server.acceptRequest() };
}

/** The same on a server of its own. */
export async function ask(bytes?: string | Uint8Array, ...methods: readonly string[]): Promise<Asked> {
  return askOn(await startServer(), bytes, ...methods);
}

/** A raw client and the server's end of its connection. */
export async function connectRaw(
  server: AsyncHttpServer,
  methods?: readonly string[],
): Promise<{ client: RawClient; socket: Socket }> {
  const accepted = nextSocket(server);
  const client = await RawClient.connect(server, methods);
  return { client, socket: await accepted };
}

/**
 * Lets the server take in everything that was sent to it before: a client of its own is refused, which takes several
 * turns of the event loop and needs nobody who accepts requests.
 */
export async function settle(server: AsyncHttpServer): Promise<void> {
  const { client, socket } = await connectRaw(server);
  await client.send("\0\r\n\r\n");
  await client.end();
  client.destroy();
  await disconnected(socket);
}

/** Whether a promise has settled, however it did, by the next turn of the event loop. */
export async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = (): void => void (settled = true);
  promise.then(note, note);
  await turn();
  return settled;
}

/** What a promise was rejected with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => {
      throw new Error("the promise was expected to be rejected");
    },
    (error: unknown) => error as Error,
  );
}

/** A promise that the test settles. */
export interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
}

export function deferred(): Deferred {
  let resolve = (): void => {};
  const promise = new Promise<void>((settled) => (resolve = settled));
  return { promise, resolve };
}

/** The bytes of a GET with these header fields besides Host. */
export function get(target = "/", ...lines: readonly string[]): string {
  return requestOf("GET", target, lines, "");
}

/** The bytes of a POST whose Content-Length is that of the body, unless it is told. */
export function post(target: string, body: string, length: number = Buffer.byteLength(body)): string {
  return postLines(target, [`Content-Length: ${length}`], body);
}

/** The bytes of a POST with these header fields besides Host, which tell how long the body is. */
export function postLines(target: string, lines: readonly string[], body: string): string {
  return requestOf("POST", target, lines, body);
}

function requestOf(method: string, target: string, lines: readonly string[], body: string): string {
  return `${method} ${target} HTTP/1.1\r\nHost: h\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n${body}`;
}

/** Answers with the target, and the body behind it. */
export function echo(request: Request): Promise<void> {
  return request.respond(200, `${String(request.url)}|${request.body}`);
}

/** What a call threw. */
export function thrownBy(call: () => unknown): Error {
  try {
    call();
  } catch (error) {
    return error as Error;
  }
  throw new Error("the call was expected to throw");
}

export async function* pieces(...all: ReadonlyArray<string | Uint8Array>): AsyncGenerator<string | Uint8Array> {
  yield* all;
}
