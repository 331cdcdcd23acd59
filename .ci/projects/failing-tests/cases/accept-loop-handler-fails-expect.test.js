const { startTestServer } = require("asynchttpserver/testing");

test("the client logs in", async () => {
  const server = await startTestServer();
  const reply = fetch(`${server.url}/lgoin`);
  try {
    while (true) {
      await server.acceptRequest((request) => {
        expect(request.url.path).toBe("/login");
        return request.respond(200);
      });
    }
  } finally {
    await reply;
    await server.close();
  }
});

// Output:
//   ● the client logs in
//   expect(received).toBe(expected) // Object.is equality
//   Expected: "/login"
//   Received: "/lgoin"
//   > 9 | expect(request.url.path).toBe("/login");
//   …
//   Tests: 1 failed, 1 passed, 2 total
