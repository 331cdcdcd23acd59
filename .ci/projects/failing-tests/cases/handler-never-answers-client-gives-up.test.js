const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer(() => {});

test("the client logs in", async () => {
  const response = await fetch(`${server.url}/login`, { signal: AbortSignal.timeout(200) });
  expect(response.status).toBe(200);
});

// Deadline: 200
// Output:
//   ● the client logs in
//   TimeoutError: The operation was aborted due to timeout
//   …
//   Tests: 1 failed, 1 passed, 2 total
