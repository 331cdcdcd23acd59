const { startTestServer } = require("asynchttpserver/testing");

test("the client logs in", async () => {
  const server = await startTestServer((request) => {
    expect(request.url.path).toBe("/login");
    return request.respond(200);
  });
  await fetch(`${server.url}/lgoin`);
  await server.close();
});

// Output:
//   ● the client logs in
//   expect(received).toBe(expected) // Object.is equality
//   Expected: "/login"
//   Received: "/lgoin"
//   > 5 | expect(request.url.path).toBe("/login");
//   …
//   Tests: 1 failed, 1 passed, 2 total
