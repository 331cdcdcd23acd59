import type * as http from "node:http";
import type { Socket } from "node:net";
import type { Connection } from "../wire/connection";
import { CLOSE_LINGER_TIME } from "../wire/lingering-close";
import type { Clients } from "../wire/node-server";
import { stopAccepting } from "../wire/server-response";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "../node";

/** Milliseconds for which idle connections stay open, for a request that is on its way. */
const IDLE_GRACE = 1_000;

/**
 * Stops listening, and nothing else.
 *
 * @returns settles when the last connection is closed
 */
export function stopListening(node: http.Server): Promise<unknown> {
  return new Promise<void>((resolve) => {
    const done = (): void => {
      node.removeListener("listening", done);
      resolve();
    };
    stopAccepting(node, done);
    // Somebody may make it listen anew before it says that it is closed, which it then never does.
    node.on("listening", done);
  });
}

/**
 * Lets what has arrived get its responses; each connection ends with its last one.
 *
 * @param finished settles when there is nothing left to wait for
 * @param requestTimeout milliseconds for a request to arrive; 0 for no limit. Node's own check ends with its `close`
 * @returns settles then, or when the grace is over, in milliseconds
 */
export async function finishWithin(
  grace: number,
  connections: ReadonlyMap<Socket, Connection>,
  finished: Promise<unknown>,
  requestTimeout: number,
): Promise<void> {
  for (const connection of connections.values()) connection.finish();
  const sweep = setInterval(() => {
    for (const connection of connections.values()) if (connection.idle) connection.close();
  }, IDLE_GRACE);
  const late = (): void => {
    for (const connection of connections.values()) connection.timeOut();
  };
  const requestTimer = requestTimeout > 0 ? setTimeout(late, requestTimeout) : undefined;
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise((resolve) => {
    if (grace !== Infinity) timer = setTimeout(resolve, grace);
  });
  await Promise.race([finished, timeUp]);
  clearInterval(sweep);
  clearTimeout(requestTimer);
  clearTimeout(timer);
}

/**
 * Ends every connection, and waits until they are closed: at the latest when those have gone that never got so far as HTTP.
 *
 * @param farewell the response to requests that have none; without it their connections are cut
 */
export async function endAll(
  clients: Clients,
  closed: Promise<unknown>,
  farewell: { readonly status: number; readonly text: string } | undefined,
): Promise<void> {
  const { connections, transports } = clients;
  const all = [...connections.keys()];
  for (const connection of connections.values()) connection.close(farewell);
  const timer = setTimeout(() => {
    for (const socket of [...connections.keys(), ...transports]) socket.destroy();
  }, CLOSE_LINGER_TIME);
  await closed;
  clearTimeout(timer);
  // Node does not wait for streams that were handed to it by `emit("connection", duplex)`, nor where it listens anew.
  const left = all.filter((socket) => !socket.destroyed);
  if (left.length === 0) return;
  await new Promise((resolve) => setTimeout(resolve, CLOSE_LINGER_TIME));
  for (const socket of left) socket.destroy();
}

/** Lets `await using` close a server. */
export function makeDisposable<T extends object>(prototype: T, dispose: (server: T) => Promise<void>): void {
  // jsdom has no such symbol on Node 20 and 22, and a method must not end up under the name "undefined".
  if (typeof Symbol.asyncDispose !== "symbol") return;
  Object.defineProperty(prototype, Symbol.asyncDispose, {
    configurable: true,
    writable: true,
    value(this: T): Promise<void> {
      return dispose(this);
    },
  });
}
