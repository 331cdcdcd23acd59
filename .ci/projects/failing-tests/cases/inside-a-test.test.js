const { useTestServer } = require("asynchttpserver/testing");

test("the client logs in", async () => {
  const server = useTestServer();
  await fetch(server.url);
});

// Output:
//   ● the client logs in
//   Hooks cannot be defined inside tests. Hook of type "beforeEach" is nested within "the client logs in".
//   > 4 | const server = useTestServer();
//   …
//   ● the client logs in
//   Hooks cannot be defined inside tests. Hook of type "afterEach" is nested within "the client logs in".
//   > 4 | const server = useTestServer();
//   …
//   ● the client logs in
//   there is no server yet: useTestServer starts one before each test, so use it in tests and in beforeEach; in beforeAll, or in test.concurrent, call startTestServer
//   > 5 | await fetch(server.url);
//   …
//   Tests: 1 failed, 1 passed, 2 total
