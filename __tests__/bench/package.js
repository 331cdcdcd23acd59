"use strict";

const { join } = require("node:path");

/**
 * The library as a checkout has built it.
 * @param {string} root the checkout
 * @returns {typeof import("asynchttpserver")}
 */
function loadPackage(root) {
  return require(join(root, "dist/index.js"));
}

module.exports = { loadPackage };
