import { timers } from "./node";

/** Node's own timers, taken when the module loads: what a test replaces later does not reach the server. */
export const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate } = timers;

/** Settles when the event loop has looked at its sockets again: the first turn may be the rest of this one, without a look. */
export async function afterLook(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}
