"use strict";
// A fresh process that tells how many milliseconds the package takes to load beyond node:http.

const { performance } = require("node:perf_hooks");
require("node:http");

const start = performance.now();
require("../../dist/index.js");
process.send?.({ milliseconds: performance.now() - start });
