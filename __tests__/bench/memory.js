"use strict";
// The most memory that this process has held. Linux can begin to count anew, so that each round has its own peak.

const { readFileSync, writeFileSync } = require("node:fs");

/** Forgets the peak so far; elsewhere than on Linux it is the peak since the start. */
function forgetPeak() {
  if (process.platform === "linux") writeFileSync("/proc/self/clear_refs", "5");
}

/** @returns {number} bytes */
function peak() {
  if (process.platform !== "linux") return process.resourceUsage().maxRSS * 1024;
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "latin1")) ?? [];
  return Number(kibibytes) * 1024;
}

module.exports = { forgetPeak, peak };
