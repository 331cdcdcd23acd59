"use strict";

/** @type {import("jest").Config} */
module.exports = {
  testEnvironment: "node",
  // Only what hangs runs into it: on a busy machine a test takes a multiple of its time.
  testTimeout: 30_000,
  // Many suites wait for clocks and processes, so a core can take one more than Jest gives it.
  maxWorkers: "100%",
  // Everything under __tests__ counts as a suite unless told otherwise; helpers and benchmarks are none.
  testMatch: ["<rootDir>/__tests__/**/*.test.ts"],
  // Examples and documents name the package; here they get its sources, so that no test depends on a build.
  moduleNameMapper: {
    "^asynchttpserver$": "<rootDir>/lib/index.ts",
    "^asynchttpserver/testing$": "<rootDir>/lib/testing/index.ts",
  },
  // The tests are transpiled only; `npm run typecheck` checks their types.
  transform: { "\\.ts$": ["ts-jest", { tsconfig: "<rootDir>/__tests__/tsconfig.json" }] },
};
