"use strict";
// Another revision of this library, built in a scratch folder. The checkout is only read: no worktree, no index.

const { execFileSync } = require("node:child_process");
const { symlinkSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { run, scratchFolder } = require("./processes.js");

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

/**
 * Builds a revision with the compiler of this checkout.
 * @param {string} revision whatever git knows a commit by
 * @returns {Promise<string>} the folder that has its `dist`
 */
async function buildRevision(revision) {
  const commit = commitOf(revision);
  const folder = scratchFolder();
  try {
    git(
      "archive",
      "--format=tar",
      `--output=${join(folder, "archive.tar")}`,
      commit,
      "lib",
      "package.json",
      "tsconfig.json",
    );
    execFileSync("tar", ["-xf", "archive.tar"], { cwd: folder });
    const typescript = dirname(require.resolve("typescript/package.json"));
    symlinkSync(dirname(typescript), join(folder, "node_modules"), "junction");
    await run([join(typescript, "bin/tsc"), "--declaration", "false"], folder);
  } catch (cause) {
    const { message } = /** @type {Error} */ (cause);
    throw new Error(`--against: "${revision}" cannot be built with what this checkout has installed: ${message}`, {
      cause,
    });
  }
  return folder;
}

module.exports = { buildRevision };
