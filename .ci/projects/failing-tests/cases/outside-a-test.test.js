const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();
const login = `${server.url}/login`;

test("the client logs in", async () => {
  await fetch(login);
});

// Output:
//   ● Test suite failed to run
//   there is no server yet: useTestServer starts one before each test, so use it in tests and in beforeEach; in beforeAll, or in test.concurrent, call startTestServer
//   > 4 | const login = `${server.url}/login`;
//   …
//   Tests: 1 passed, 1 total
