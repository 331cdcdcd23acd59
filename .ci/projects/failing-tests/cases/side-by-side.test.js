const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer((request) => request.respond(200));

test.concurrent("one", async () => {
  await fetch(server.url);
});

test.concurrent("two", async () => {
  await fetch(server.url);
});

// Output:
//   ● one
//   there is no server yet: useTestServer starts one before each test, so use it in tests and in beforeEach; in beforeAll, or in test.concurrent, call startTestServer
//   > 6 | await fetch(server.url);
//   …
//   ● two
//   there is no server yet: useTestServer starts one before each test, so use it in tests and in beforeEach; in beforeAll, or in test.concurrent, call startTestServer
//   > 10 | await fetch(server.url);
//   …
//   Tests: 2 failed, 1 passed, 3 total
