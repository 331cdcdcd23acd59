// One application, one file: every bundler, CommonJS and ES module. The bundle runs where the package is not installed.
import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import commonjs from "@rollup/plugin-commonjs";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import * as esbuild from "esbuild";
import { rolldown } from "rolldown";
import { rollup } from "rollup";
import webpack from "webpack";
import { nodes, succeed } from "../harness.mjs";

const input = resolve("app.mjs");
const formats = [
  ["esm", "mjs"],
  ["cjs", "cjs"],
];

const bundlers = {
  esbuild: (format, outfile) =>
    esbuild.build({ entryPoints: [input], bundle: true, platform: "node", format, outfile, logLevel: "error" }),
  "esbuild, minified": (format, outfile) =>
    esbuild.build({
      entryPoints: [input],
      bundle: true,
      minify: true,
      platform: "node",
      format,
      outfile,
      logLevel: "error",
    }),
  rollup: async (format, file) => {
    const plugins = [nodeResolve({ exportConditions: ["node"] }), commonjs()];
    const bundle = await rollup({ input, plugins, external: /^node:/ });
    await bundle.write({ format, file });
  },
  rolldown: async (format, file) => {
    const bundle = await rolldown({ input, platform: "node" });
    await bundle.write({ format, file });
  },
  webpack: (format, file) => {
    const library = { type: format === "esm" ? "module" : "commonjs2" };
    const config = {
      mode: "production",
      target: "node20",
      entry: input,
      experiments: { outputModule: format === "esm" },
      output: { path: join(file, ".."), filename: file.split(/[/\\]/).pop(), library },
    };
    return new Promise((settle, fail) =>
      webpack(config, (error, stats) =>
        error || stats.hasErrors() ? fail(error ?? new Error(stats.toString())) : settle(),
      ),
    );
  },
  "bun build": (format, file) =>
    succeed("node_modules/.bin/bun", ["build", input, "--target=node", `--format=${format}`, `--outfile=${file}`]),
};

for (const [name, bundle] of Object.entries(bundlers)) {
  for (const [format, extension] of formats) {
    await test(`${name}, ${format}`, async () => {
      const file = join(mkdtempSync(join(tmpdir(), "bundle-")), `app.${extension}`);
      await bundle(format, file);
      for (const { bin } of nodes) assert.match(await succeed(bin, [file], { timeout: 30_000 }), /^served$/m);
    });
  }
}
