const { startTestServer } = require("asynchttpserver/testing");

test("the client logs in", async () => {
  const server = await startTestServer();
  void server.acceptRequest();
  expect(server.requests).toHaveLength(1);
});

// Output:
//   ● the client logs in
//   expect(received).toHaveLength(expected)
//   Expected length: 1
//   Received length: 0
//   Received array: []
//   > 6 | expect(server.requests).toHaveLength(1);
//   …
//   Tests: 1 failed, 1 passed, 2 total
