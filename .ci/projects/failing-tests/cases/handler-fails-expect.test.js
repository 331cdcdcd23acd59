const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer((request) => {
  expect(request.url.path).toBe("/login");
  return request.respond(200);
});

test("the client logs in", async () => {
  await fetch(`${server.url}/lgoin`);
});

test("a neighbour", async () => {
  expect((await fetch(`${server.url}/login`)).status).toBe(200);
});

// Output:
//   ● the client logs in
//   expect(received).toBe(expected) // Object.is equality
//   Expected: "/login"
//   Received: "/lgoin"
//   > 4 | expect(request.url.path).toBe("/login");
//   …
//   Tests: 1 failed, 2 passed, 3 total
