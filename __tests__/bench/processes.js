"use strict";
// The processes of the benchmark and their scratch folders: none of them outlives this process.

const { execFile, fork } = require("node:child_process");
const { mkdtempSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const { promisify } = require("node:util");

/**
 * @typedef {import("node:child_process").ChildProcess} ChildProcess
 */

/** Programs that run and know nothing of this process. @type {Set<ChildProcess>} */
const programs = new Set();
/** @type {Set<string>} */
const folders = new Set();

process.on("exit", () => {
  for (const child of programs) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** An empty folder that is gone when this process ends. */
function scratchFolder() {
  const folder = mkdtempSync(join(tmpdir(), "asynchttpserver-bench-"));
  folders.add(folder);
  return folder;
}

/**
 * Runs a program of Node's to its end.
 * @param {string[]} args
 * @param {string} cwd
 * @throws {Error} with all that it printed, if it fails
 */
async function run(args, cwd) {
  const running = promisify(execFile)(process.execPath, args, { cwd });
  programs.add(running.child);
  try {
    await running;
  } catch (cause) {
    const { stdout, stderr } = /** @type {{ stdout: string, stderr: string }} */ (cause);
    throw new Error(`${args[0]} failed:\n${stdout}${stderr}`, { cause });
  } finally {
    programs.delete(running.child);
  }
}

/**
 * @param {string} file a program of this folder
 * @param {readonly string[]} args
 * @param {string[]} execArgv options of Node
 */
function start(file, args, execArgv = []) {
  return fork(join(__dirname, file), args, { serialization: "advanced", execArgv });
}

/** The next message of a process; a process that ends before it ends the benchmark. @param {ChildProcess} child @returns {Promise<any>} */
function next(child) {
  return new Promise((resolve, reject) => {
    const died = (/** @type {number | null} */ code) =>
      reject(new Error(`${child.spawnargs.slice(1).join(" ")} ended with code ${code}`));
    child.once("exit", died);
    child.once("message", (message) => {
      child.off("exit", died);
      resolve(message);
    });
  });
}

/** @param {ChildProcess} child @param {object} message @returns {Promise<any>} */
function ask(child, message) {
  child.send(message);
  return next(child);
}

module.exports = { scratchFolder, run, start, next, ask };
