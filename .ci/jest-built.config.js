"use strict";

const { readdirSync, readFileSync } = require("node:fs");
const { join } = require("node:path");
const base = require("../jest.config.js");

const root = join(__dirname, "..");
const source = (name) => readFileSync(join(root, "__tests__", name), "utf8");
const tests = readdirSync(join(root, "__tests__")).filter((name) => name.endsWith(".test.ts"));

/**
 * The tests of the public names, against the built package instead of the sources.
 *
 * A test that looks into a module of lib/ stays with the sources.
 *
 * @type {import("jest").Config}
 */
module.exports = {
  ...base,
  rootDir: root,
  testPathIgnorePatterns: tests
    .filter((name) => /"\.\.\/lib\/(?!(testing\/)?index")/.test(source(name)) || !/\/lib\/|helpers\//.test(source(name)))
    .map((name) => `/${name.replaceAll(".", "\\.")}$`),
  moduleNameMapper: {
    "^asynchttpserver$": "<rootDir>/dist/index.js",
    "^asynchttpserver/testing$": "<rootDir>/dist/testing/index.js",
    "^(?:\\.\\./)+lib/index$": "<rootDir>/dist/index.js",
    "^(?:\\.\\./)+lib/testing/index$": "<rootDir>/dist/testing/index.js",
  },
};
