"use strict";
// A fresh process that loads one module, `load-time.js FILE`, and tells what that took.

const { peak } = require("./memory.js");

const [, , file] = process.argv;
const start = process.hrtime.bigint();
const before = process.cpuUsage();
require(file);
const { user, system } = process.cpuUsage(before);
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
process.send?.({ count: 1, seconds, cpu: user + system, memory: peak() });
