/**
 * Node's modules, as far as their values are used here; types come from `node:…` as everywhere.
 *
 * `process.getBuiltinModule` instead of `import`, which compiles to `require`: esbuild and others that bundle an
 * application into one ES module have no `require` to offer, and the bundle would fail at its start. Tracers that hook
 * `require` hook this as well.
 */
import { withCode } from "./errors";

if (globalThis.process?.getBuiltinModule === undefined) {
  const found = globalThis.process?.version ?? "no Node";
  throw withCode("ERR_UNSUPPORTED", new Error(`asynchttpserver needs Node 20.16, 22.3 or later; this is ${found}`));
}

export const asyncHooks = process.getBuiltinModule("node:async_hooks");
export const fs = process.getBuiltinModule("node:fs");
export const http = process.getBuiltinModule("node:http");
export const net = process.getBuiltinModule("node:net");
export const stream = process.getBuiltinModule("node:stream");
export const url = process.getBuiltinModule("node:url");
export const util = process.getBuiltinModule("node:util");
export const vm = process.getBuiltinModule("node:vm");

/** Loaded where it is used: it takes longer to load than the whole package. */
export const https = (): typeof import("node:https") => process.getBuiltinModule("node:https");

/** Node's own timers, taken when the module loads: what a test replaces later does not reach the server. */
export const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate } =
  process.getBuiltinModule("node:timers");

/** Settles when the event loop has polled its sockets: after two turns, as the first may still belong to the current one. */
export async function afterPoll(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}
