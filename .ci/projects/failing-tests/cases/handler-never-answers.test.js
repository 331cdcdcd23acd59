const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer(() => {});

test("the client logs in", async () => {
  await fetch(`${server.url}/login`);
}, 300);

test("a neighbour", () => {});

// Deadline: 300
// Output:
//   ● the client logs in
//   thrown: "Exceeded timeout of 300 ms for a test.
//   Add a timeout value to this test to increase the timeout, if this is a long-running test. See https://jestjs.io/docs/api#testname-fn-timeout."
//   …
//   Tests: 1 failed, 2 passed, 3 total
