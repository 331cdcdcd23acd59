/**
 * Node's modules, as far as their values are used here; types come from `node:…` as everywhere.
 *
 * `process.getBuiltinModule` instead of `import`, which compiles to `require`: esbuild and others that bundle an
 * application into one ES module have no `require` to offer, and the bundle would fail at its start. Tracers that hook
 * `require` hook this as well.
 */
export const asyncHooks = process.getBuiltinModule("node:async_hooks");
export const fs = process.getBuiltinModule("node:fs");
export const http = process.getBuiltinModule("node:http");
export const net = process.getBuiltinModule("node:net");
export const stream = process.getBuiltinModule("node:stream");
export const timers = process.getBuiltinModule("node:timers");
export const url = process.getBuiltinModule("node:url");
export const util = process.getBuiltinModule("node:util");
export const vm = process.getBuiltinModule("node:vm");

/** Loaded where it is used: it takes longer to load than the whole package. */
export const https = (): typeof import("node:https") => process.getBuiltinModule("node:https");
