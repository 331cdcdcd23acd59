"use strict";

const config = require("../jest.config.js");

/** The whole suite without anything of Node's insides: what a Node does on which none of it holds. */
module.exports = {
  ...config,
  rootDir: "..",
  moduleNameMapper: {
    ...config.moduleNameMapper,
    "^\\.(?:|\\./wire)/(incoming-message|server-response)$": "<rootDir>/__tests__/fallbacks/$1.ts",
  },
};
