// Node: 24
const { startTestServer } = require("asynchttpserver/testing");

test("the client logs in", async () => {
  await using server = await startTestServer((request) => {
    expect(request.url.path).toBe("/login");
    return request.respond(200);
  });
  await fetch(`${server.url}/lgoin`);
});

// Output:
//   asynchttpserver: the handler failed for GET /lgoin (printed because `await using` hides it where the block has failed, too)
//   Error: expect(received).toBe(expected) // Object.is equality
//   Expected: "/login"
//   Received: "/lgoin"
//   …
//   ● the client logs in
//   expect(received).toBe(expected) // Object.is equality
//   Expected: "/login"
//   Received: "/lgoin"
//   > 6 | expect(request.url.path).toBe("/login");
//   …
//   Tests: 1 failed, 1 passed, 2 total
