"use strict";
// The processes of the benchmark, and how they are asked.

const { fork } = require("node:child_process");
const { join } = require("node:path");

/**
 * @typedef {import("node:child_process").ChildProcess} ChildProcess
 */

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

module.exports = { start, next, ask };
