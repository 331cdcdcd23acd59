const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();
let login;

beforeAll(() => {
  login = `${server.url}/login`;
});

test("the client logs in", async () => {
  await fetch(login);
});

// Output:
//   ● the client logs in
//   there is no server yet: useTestServer starts one before each test, so use it in tests and in beforeEach; in beforeAll, or in test.concurrent, call startTestServer
//   > 7 | login = `${server.url}/login`;
//   …
//   Tests: 1 failed, 1 passed, 2 total
