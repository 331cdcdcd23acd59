const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const accepted = server.acceptRequest();
  expect(server.requests).toHaveLength(1);
  await accepted;
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   expect(received).toHaveLength(expected)
//   Expected length: 1
//   Received length: 0
//   Received array: []
//   > 7 | expect(server.requests).toHaveLength(1);
//   …
//   Tests: 1 failed, 2 passed, 3 total
