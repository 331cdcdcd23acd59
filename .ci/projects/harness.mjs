// What every throw-away project needs: run a program, count a check, tell how it went.
import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";

/** The packed tarball, and the checkout that it was packed from. */
export const { TARBALL, CHECKOUT } = process.env;

/** Every Node to try: `[{ name: "v20.20.2", bin: "/usr/bin/node" }, …]`; the first one runs this script. */
export const nodes = JSON.parse(process.env.NODES);

/** Adds to the totals that .ci/run prints at its end. */
export function count(passed, failed) {
  appendFileSync(process.env.RESULTS, `${passed} ${failed}\n`);
}

/** Runs one check and counts it. It passes unless `body` throws. */
export async function check(name, body) {
  const start = performance.now();
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
  try {
    await body();
    console.log(`ok - ${name} (${seconds()})`);
    count(1, 0);
  } catch (error) {
    console.log(`not ok - ${name} (${seconds()})\n${error.stack}`);
    count(0, 1);
  }
}

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
      env: { ...process.env, ...env },
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
