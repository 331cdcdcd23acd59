// Node: 24
const { startTestServer } = require("asynchttpserver/testing");

test("the client logs in", async () => {
  await using server = await startTestServer((request) => {
    expect(request.url.path).toBe("/login");
    return request.respond(200);
  });
  expect((await fetch(`${server.url}/lgoin`)).status).toBe(200);
});

// Output:
//   asynchttpserver: the handler failed for GET /lgoin (printed because `await using` hides it where the block has failed, too)
//   Error: expect(received).toBe(expected) // Object.is equality
//   Expected: "/login"
//   Received: "/lgoin"
//   …
//   ● the client logs in
//   SuppressedError: An error was suppressed during disposal
//   > 9 | expect((await fetch(`${server.url}/lgoin`)).status).toBe(200);
//   …
//   Tests: 1 failed, 1 passed, 2 total
