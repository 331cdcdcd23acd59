import * as timers from "node:timers";

/** Node's own timers, taken when the module loads: what a test replaces later does not reach the server. */
export const { setTimeout, clearTimeout, setImmediate, setInterval, clearInterval } = timers;
