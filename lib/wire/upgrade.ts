import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { elementsOf, hasBody } from "./request-head";

/**
 * Everything about Upgrade (RFC 9110 7.8) and CONNECT (RFC 9110 9.3.6).
 *
 * At such a request Node lets go of the socket before anybody has seen the request. So it is handed out like any other,
 * and its response decides: a 101, or a 2xx to CONNECT, leaves the socket to the handler; any other response
 * declines, and the socket goes back to Node's parser.
 */

/**
 * Since Node 25 the parser reads the body of an upgrade request, too, but drops what came behind it in the same packet;
 * before, it stops at the head, and the request is read once more: see {@link replayWithoutUpgrade}.
 */
const READS_UPGRADE_BODIES = Number(process.versions.node.split(".")[0]) >= 25;

/** Node's `shouldUpgradeCallback`: an upgrade request with a body is an ordinary one, where the parser reads that body. */
export class UpgradeDecision {
  readonly #declined = new WeakSet<IncomingMessage>();

  shouldUpgrade(raw: IncomingMessage): boolean {
    if (!READS_UPGRADE_BODIES || !hasBody(raw)) return true;
    this.#declined.add(raw);
    return false;
  }

  /** Was it one, so that it has to be the last request on its connection? */
  wasDeclined(raw: IncomingMessage): boolean {
    return READS_UPGRADE_BODIES && this.#declined.has(raw);
  }
}

/** Is this the response that ends HTTP on the connection, so that the socket is the handler's from here on? */
export function switchesProtocol(method: string, status: number): boolean {
  return status === 101 || (method === "CONNECT" && status >= 200 && status < 300);
}

/** The bytes that came behind the head of an upgrade request: in the socket, until a handler asks for them. */
export class BytesBehind {
  readonly #socket: Socket;
  #taken: Buffer | undefined = undefined;

  /** Puts them back where they came from: while they are unread, the socket does not end, and nothing behind them is lost. */
  constructor(socket: Socket, bytes: Buffer) {
    this.#socket = socket;
    if (bytes.length > 0) socket.unshift(bytes);
  }

  /** Takes them out of the socket, for a handler that takes that over. */
  take(): Buffer {
    return (this.#taken ??= (this.#socket.read() as Buffer | null) ?? Buffer.alloc(0));
  }

  /** Puts back what was taken, for the parser. */
  giveBack(): void {
    if (this.#taken !== undefined && this.#taken.length > 0) this.#socket.unshift(this.#taken);
  }
}

/** Gives the socket to the response that declines an upgrade request; Node no longer tells that one when the socket drains. */
export function assignSocket(response: ServerResponse, socket: Socket): void {
  response.assignSocket(socket);
  const onDrain = (): unknown => response.emit("drain");
  socket.on("drain", onDrain);
  response.on("finish", () => socket.off("drain", onDrain));
}

/**
 * Puts the head of an upgrade request back into the socket, as that of an ordinary request.
 *
 * Where Node's parser stops at the head it leaves the body unread. A server may ignore the upgrade (RFC 9110 7.8), so a
 * request with a body is read once more without the `upgrade` in its Connection field.
 */
export function replayWithoutUpgrade(raw: IncomingMessage, socket: Socket): void {
  const fields = raw.rawHeaders;
  let head = `${raw.method} ${raw.url} HTTP/${raw.httpVersion}\r\n`;
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1]!;
    const plain = fields[i]!.toLowerCase() === "connection" ? withoutToken(value, "upgrade") : value;
    head += `${fields[i]}: ${plain}\r\n`;
  }
  socket.unshift(Buffer.from(`${head}\r\n`, "latin1"));
}

function withoutToken(list: string, token: string): string {
  return elementsOf(list)
    .filter((element) => element.toLowerCase() !== token)
    .join(", ");
}
