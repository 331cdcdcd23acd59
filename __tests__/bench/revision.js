"use strict";
// Another revision of this library, built in a scratch folder. The checkout is only read: no worktree, no index.

const { execFileSync, spawn } = require("node:child_process");
const { once } = require("node:events");
const { mkdtempSync, rmSync, symlinkSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { dirname, join } = require("node:path");

const ROOT = join(__dirname, "../..");

/** @param {...string} args @returns {string} */
function git(...args) {
  return execFileSync("git", args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** @param {string} revision @returns {string} the commit */
function commitOf(revision) {
  try {
    return git("rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`).trim();
  } catch (cause) {
    throw new Error(`--against: git knows no commit "${revision}" in this checkout`, { cause });
  }
}

/** A new folder that is gone when this process ends, and what runs in it too. @param {Set<import("node:child_process").ChildProcess>} running */
function scratchFolder(running) {
  const folder = mkdtempSync(join(tmpdir(), "bench-against-"));
  process.on("exit", () => {
    for (const child of running) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return folder;
}

/**
 * Builds a revision with the compiler of this checkout.
 * @param {string} revision whatever git knows a commit by
 * @returns {Promise<string>} the folder that has its `dist`
 */
async function buildRevision(revision) {
  const commit = commitOf(revision);
  /** @type {Set<import("node:child_process").ChildProcess>} */
  const running = new Set();
  const folder = scratchFolder(running);
  const archive = join(folder, "archive.tar");
  git("archive", "--format=tar", `--output=${archive}`, commit, "lib", "package.json", "tsconfig.json");
  execFileSync("tar", ["-xf", "archive.tar"], { cwd: folder });
  const typescript = dirname(require.resolve("typescript/package.json"));
  symlinkSync(dirname(typescript), join(folder, "node_modules"), "junction");
  const compiler = spawn(process.execPath, [join(typescript, "bin/tsc"), "--declaration", "false"], {
    cwd: folder,
    stdio: ["ignore", 2, 2],
  });
  running.add(compiler);
  const [code] = await once(compiler, "exit");
  running.delete(compiler);
  if (code !== 0) throw new Error(`--against: "${revision}" does not build with this checkout's compiler, see above`);
  return folder;
}

module.exports = { buildRevision };
