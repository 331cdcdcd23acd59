import type { Socket } from "node:net";
import { connectSilent, readToEnd } from "./clients";
import { MiB } from "./sizes";

/** What an upload is sent in. */
export const piece = Buffer.alloc(MiB, "x");

/** How the end of an upload is told; its size is a whole number of pieces. */
export interface Framing {
  readonly name: string;
  header(size: number): string;
  /** A piece on the wire. */
  readonly unit: Buffer;
  readonly tail: string;
}

export const framings: readonly Framing[] = [
  { name: "Content-Length", header: (size) => `Content-Length: ${size}`, unit: piece, tail: "" },
  {
    name: "chunks",
    header: () => "Transfer-Encoding: chunked",
    unit: Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]),
    tail: "0\r\n\r\n",
  },
];

/** Sends as fast as the connection takes it; `false` when the connection is gone. */
export function send(socket: Socket, bytes: Buffer | string): Promise<boolean> {
  return new Promise((resolve) => {
    const gone = (): void => resolve(false);
    socket.once("close", gone);
    socket.write(bytes, (error) => {
      socket.removeListener("close", gone);
      resolve(error === undefined || error === null);
    });
  });
}

/** Uploads so many bytes and reads nothing before that is done; gives how many were sent and what came back. */
export async function uploadAll(
  port: number,
  path: string,
  { header, unit, tail }: Framing,
  size: number,
): Promise<{ sent: number; text: string; end: "eof" | "reset" }> {
  const socket = await connectSilent(port);
  await send(socket, `POST ${path} HTTP/1.1\r\nHost: h\r\n${header(size)}\r\n\r\n`);
  let sent = 0;
  while (sent < size && (await send(socket, unit))) sent += piece.length;
  if (sent === size && tail !== "") await send(socket, tail);
  return { sent, ...(await readToEnd(socket)) };
}
