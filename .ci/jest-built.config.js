"use strict";

const { join } = require("node:path");
const base = require("../jest.config.js");

/**
 * Every test but those of the documents, against the built package instead of the sources.
 *
 * @type {import("jest").Config}
 */
module.exports = {
  ...base,
  rootDir: join(__dirname, ".."),
  testPathIgnorePatterns: ["<rootDir>/__tests__/docs/"],
  moduleNameMapper: {
    "^asynchttpserver$": "<rootDir>/dist/index.js",
    "^asynchttpserver/testing$": "<rootDir>/dist/testing/index.js",
    "^(?:\\.\\./)+lib/(.*)$": "<rootDir>/dist/$1",
  },
};
