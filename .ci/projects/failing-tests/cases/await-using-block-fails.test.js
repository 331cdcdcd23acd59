// Node: 24
const { startTestServer } = require("asynchttpserver/testing");

test("the client logs in", async () => {
  await using server = await startTestServer();
  const reply = fetch(`${server.url}/lgoin`);
  const request = await server.acceptRequest({ while: reply });
  expect(request.url.path).toBe("/login");
  await request.respond(200);
});

// Output:
//   ● the client logs in
//   expect(received).toBe(expected) // Object.is equality
//   Expected: "/login"
//   Received: "/lgoin"
//   > 8 | expect(request.url.path).toBe("/login");
//   …
//   Tests: 1 failed, 1 passed, 2 total
