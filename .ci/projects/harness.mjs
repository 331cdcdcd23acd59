// What the throw-away projects share: where things are, and how to run a program.
import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync } from "node:fs";

/** The packed tarball, and the checkout that it was packed from. */
export const { TARBALL, CHECKOUT } = process.env;

/** Every Node to try: `[{ name: "v20.20.2", bin: "/…/bin/node" }, …]`. */
export const nodes = (process.env.NODES ?? process.execPath)
  .trim()
  .split(" ")
  .map((bin) => ({ bin, name: execFileSync(bin, ["--version"], { encoding: "utf8" }).trim() }));

/**
 * Runs a program to its end, without input, and gives back how it ended and all that it printed.
 *
 * After `timeout` milliseconds the program and its children are killed; `timedOut` tells so.
 */
export function run(command, args, { cwd, env, timeout = 300_000 } = {}) {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(command, args, {
      cwd,
      // A program must not take itself for a test of node:test's.
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let output = "";
    let timedOut = false;
    const keep = (chunk) => void (output += chunk);
    child.stdout.setEncoding("utf8").on("data", keep);
    child.stderr.setEncoding("utf8").on("data", keep);
    const timer = setTimeout(() => {
      timedOut = true;
      process.kill(-child.pid, "SIGKILL");
    }, timeout);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, output, timedOut, ms: performance.now() - start });
    });
  });
}

/** Runs a program that has to succeed, and gives back what it printed. */
export async function succeed(command, args, options) {
  const { code, signal, output, timedOut } = await run(command, args, options);
  if (code === 0) return output;
  const how = timedOut ? "did not end in time" : `ended with ${signal ?? code}`;
  throw new Error(`${command} ${args.join(" ")} ${how}\n${output}`);
}

/** Copies what a fresh clone of the checkout would have, with the changes that are not committed. */
export async function copyCheckout(to) {
  const listed = await succeed("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: CHECKOUT });
  const names = listed.trim().split("\n");
  for (const name of names) if (existsSync(`${CHECKOUT}/${name}`)) cpSync(`${CHECKOUT}/${name}`, `${to}/${name}`);
}
