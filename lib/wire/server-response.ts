import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { http, net, setImmediate } from "../node";
import type { ResponseHead } from "./response-head";

/** Content up to this many bytes is copied into the write of its head: as much text as libuv writes without allocating. */
const ONE_WRITE = 16_384;

/** What is used of Node's response beside what Node documents. */
interface Insides {
  /** Whether the client waits for `100 Continue`: without one, Node would end the connection. */
  _expect_continue?: boolean;
  _send?(data: string, encoding: BufferEncoding, callback: () => void): boolean;
}

/**
 * Sends the content behind the head that `writeHead` made, and ends the response.
 *
 * @param content ASCII text, or bytes
 */
export function sendWhole(response: ServerResponse, content: string | Buffer): void {
  if (content.length === 0) response.end();
  // Every byte as the character of the same number: head and content are one string then, and leave in one write.
  else if (typeof content === "string" || content.length <= ONE_WRITE)
    response.end(content.toString("latin1"), "latin1");
  else response.end(content);
}

/**
 * Sends the head that `writeHead` made, before any content.
 *
 * `flushHeaders` would do, but that writes the bytes of latin1 values as UTF-8.
 *
 * @returns settles when it is with the operating system, or lost
 */
export function sendHead(response: ServerResponse): Promise<void> {
  const { _send } = response as unknown as Insides;
  return new Promise((resolve) => {
    if (typeof _send === "function") _send.call(response, "", "latin1", resolve);
    else {
      const { socket } = response;
      // In the encoding of the socket, where Node names none.
      socket?.setDefaultEncoding("latin1");
      response.flushHeaders();
      socket?.setDefaultEncoding("utf8").write("", () => resolve());
      if (socket === null) resolve();
    }
  });
}

/** Makes the head of a response after which the connection ends, though not before the client had time to read it. */
export function writeLastHead(response: ServerResponse, head: ResponseHead): void {
  // Node would end the connection with the response, and what the client is still sending would reset it (RFC 9112 9.6):
  // the connection lingers instead, see `lingering-close`.
  if (response.socket !== null) response.socket.destroySoon = ignore;
  makeLast(response);
  response.writeHead(head.code, head.reason, head.fields);
}

/** Lets a socket end as it is told to, after the last response or instead of it. */
export function endsAsTold(socket: Duplex): void {
  Reflect.deleteProperty(socket, "destroySoon");
}

/** Has the connection end with a response whose head is not out yet. */
export function makeLast(response: ServerResponse): void {
  response.shouldKeepAlive = false;
  // The field of `staysOpenWithoutContinue` would keep it open.
  if (response.hasHeader("Connection")) response.setHeader("Connection", "close");
}

/** Keeps a connection open behind a response to a request whose body needed no `100 Continue`. */
export function staysOpenWithoutContinue(response: ServerResponse): void {
  const insides = response as unknown as Insides;
  if (typeof insides._expect_continue === "boolean") insides._expect_continue = false;
  // What a response says itself counts more.
  else if (response.shouldKeepAlive) response.setHeader("Connection", "keep-alive");
}

/**
 * Lets a client that shuts its sending side read the responses that are due to it (RFC 9112 9.6).
 *
 * @param connected the event of a new connection
 * @param lastDue the last response that is due on a connection
 */
export function allowHalfOpen(
  node: Server,
  connected: string,
  lastDue: (socket: Socket) => ServerResponse | undefined,
): void {
  const insides = node as Server & { httpAllowHalfOpen?: boolean };
  if (typeof insides.httpAllowHalfOpen === "boolean") insides.httpAllowHalfOpen = true;
  else node.on(connected, endLater);

  // At the client's end Node ends the connection: that is done behind the last response.
  function endLater(socket: Socket): void {
    socket.prependListener("end", () => {
      const end = socket.end.bind(socket) as (...given: unknown[]) => Socket;
      socket.end = (...given: unknown[]) => {
        const last = given.length === 0 ? lastDue(socket) : undefined;
        return last === undefined ? end(...given) : (last.on("finish", () => end()), socket);
      };
      setImmediate(() => Reflect.deleteProperty(socket, "end"));
    });
  }
}

/** Whether Node's `close` ends idle connections by its method for that, so that it can be kept from it; found out once. */
let closesByMethod: boolean | undefined;

function closesIdleByMethod(): boolean {
  let asked = false;
  Object.assign(new http.Server(), { closeIdleConnections: () => (asked = true) }).close();
  return asked;
}

/**
 * Stops listening, and leaves idle connections open, under which a request may be on its way.
 *
 * @param closed is called when the last connection is closed
 */
export function stopAccepting(
  node: Server,
  closed: () => void,
  byMethod = (closesByMethod ??= closesIdleByMethod()),
): void {
  // What `node:http` adds to the `close` of its base class is that it ends idle connections, and stops a timer.
  // Bun's server has another one.
  if (!byMethod && node instanceof net.Server) return void net.Server.prototype.close.call(node, closed);
  Object.assign(node, { closeIdleConnections: ignore });
  node.close(closed);
  Reflect.deleteProperty(node, "closeIdleConnections");
}

function ignore(): void {}
