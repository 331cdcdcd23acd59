"use strict";

const base = require("../jest.config.js");

const { PACKAGE } = process.env;

/**
 * The whole suite against an installed package, PACKAGE: what lib/ has, dist/ has at the same place.
 *
 * @type {import("jest").Config}
 */
module.exports = {
  ...base,
  rootDir: "..",
  moduleNameMapper: {
    "^asynchttpserver$": `${PACKAGE}/dist/index.js`,
    "^asynchttpserver/testing$": `${PACKAGE}/dist/testing/index.js`,
    "^(?:\\.\\./)+lib/(.+)$": `${PACKAGE}/dist/$1`,
  },
};
