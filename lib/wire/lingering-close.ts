import type { Duplex } from "node:stream";
import type { Socket } from "node:net";
import type { Exchange } from "./exchange";
import { endsAsTold } from "./server-response";
import { afterPoll, clearTimeout, setInterval, clearInterval, setTimeout } from "../node";

/** How long a client may go on sending behind its last response, in milliseconds, so that it gets to read that. */
const LINGER_TIME = 30_000;
/** How many bytes it may go on sending. */
const LINGER_BYTES = 256 * 1024 * 1024;
/** How long a client that goes on sending has for its last response when the server closes, in milliseconds. */
export const CLOSE_LINGER_TIME = 20;
/** Milliseconds between two checks of how much has come, where the parser still reads. */
const CHECK_INTERVAL = 250;
/** After how many of them a handler is taken not to read on. */
const STALLED_CHECKS = 4;
/** Bytes that are with the client as soon as they are sent; more may wait for it to read on. */
const IN_FLIGHT = 16_384;

/**
 * Lets a client finish sending, so that it reads its last response: to close at once would reset the connection while
 * it is still sending (RFC 9112 9.6). What comes is discarded, for a bounded time and amount.
 *
 * @param paused was the socket paused by the library? As one that Node has paused, Node has to hear first that it resumes.
 */
export function discardRest(socket: Socket, paused: boolean, time = LINGER_TIME): void {
  let discarded = 0;
  const discard = (chunk: Buffer): void => {
    discarded += chunk.length;
    if (discarded > LINGER_BYTES) socket.destroy();
  };
  // Past the parser, which would make a request of everything that can be read as one.
  const readPast = (): unknown => socket.removeAllListeners("data").on("data", discard);
  if (paused || socket.isPaused()) socket.once("resume", readPast);
  else readPast();
  socket.resume();
  destroyAfter(socket, time);
}

/**
 * Behind an early response, lets the body come to its end, which the parser reports; then ends the connection.
 *
 * The parser stays, because a handler may still be reading that body. What nobody reads is discarded.
 */
export function finishBody(socket: Socket, { raw, body }: Exchange, time = LINGER_TIME): void {
  socket.end();
  const start = socket.bytesRead;
  let before = start;
  let stalled = 0;
  const check = setInterval(() => {
    if (socket.bytesRead - start > LINGER_BYTES) return void socket.destroy();
    stalled = body.unread && socket.bytesRead === before ? stalled + 1 : 0;
    // What a handler leaves lying keeps the client from sending on, and so from reading its response.
    if (stalled === STALLED_CHECKS) {
      body.discard(true);
      // It was no stream to be made to flow.
      if (raw.destroyed) {
        clearInterval(check);
        discardRest(socket, false);
      }
    }
    before = socket.bytesRead;
  }, CHECK_INTERVAL).unref();
  socket.once("close", () => {
    clearInterval(check);
    body.disconnect();
  });
  raw.once("end", () => socket.destroy());
  destroyAfter(socket, time);
  body.discard();
}

/** Ends an idle connection: as soon as all that has come was read, unless the client is just sending something. */
export function endIdle(socket: Socket): void {
  const { bytesRead, bytesWritten } = socket;
  if (bytesWritten < IN_FLIGHT) return endSoon(socket);
  socket.end();
  const leave = (): void => {
    if (socket.bytesRead === bytesRead) socket.destroy();
    else discardRest(socket, false, CLOSE_LINGER_TIME);
  };
  socket.once("finish", () => void afterPoll().then(leave));
}

/** Ends a connection once all that was written is with the operating system; also one that is no socket but a stream. */
export function endSoon(socket: Duplex): void {
  endsAsTold(socket);
  const { destroySoon } = socket as Partial<Socket>;
  if (typeof destroySoon === "function") (socket as Socket).destroySoon();
  else socket.end(() => socket.destroy());
}

/** Breaks a connection with a reset where that can be: only TCP has one, TLS and Unix sockets show the cut by their own means. */
export function reset(socket: Socket): void {
  const isTcp =
    typeof socket.resetAndDestroy === "function" && !("encrypted" in socket) && socket.remoteAddress !== undefined;
  if (isTcp) socket.resetAndDestroy();
  else socket.destroy();
}

/** Ends a connection when the time is over, in milliseconds, unless it has ended by then. */
export function destroyAfter(socket: Socket, time: number): void {
  const timer = setTimeout(() => socket.destroy(), time).unref();
  socket.once("close", () => clearTimeout(timer));
}
