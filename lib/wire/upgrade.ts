import type { IncomingMessage } from "node:http";
import { elementsOf } from "./request-head";

/** Is this the answer that ends HTTP on the connection, so that the socket is the callback's from here on? */
export function switchesProtocol(method: string, status: number): boolean {
  return status === 101 || (method === "CONNECT" && status >= 200 && status < 300);
}

/**
 * The head of an upgrade request, as bytes that a parser takes for an ordinary request.
 *
 * Node's parser stops at the head of an upgrade request and leaves its body unread. RFC 9110 7.8 lets a server ignore
 * the upgrade, so a request that has a body is read once more without the `upgrade` in its Connection header.
 */
export function withoutUpgrade(raw: IncomingMessage): Buffer {
  const lines = raw.rawHeaders;
  let head = `${raw.method} ${raw.url} HTTP/${raw.httpVersion}\r\n`;
  for (let i = 0; i < lines.length; i += 2) {
    const value = lines[i + 1]!;
    const plain = lines[i]!.toLowerCase() === "connection" ? withoutToken(value, "upgrade") : value;
    head += `${lines[i]}: ${plain}\r\n`;
  }
  return Buffer.from(`${head}\r\n`, "latin1");
}

function withoutToken(list: string, token: string): string {
  return elementsOf(list)
    .filter((element) => element.toLowerCase() !== token)
    .join(", ");
}
