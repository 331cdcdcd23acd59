const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer((request) => {
  expect(request.url.path).toBe("/login");
  return request.respond(200);
});

test("the client logs in", async () => {
  expect((await fetch(`${server.url}/lgoin`)).status).toBe(200);
});

// Output:
//   ● the client logs in
//   expect(received).toBe(expected) // Object.is equality
//   Expected: 200
//   Received: 500
//   > 9 | expect((await fetch(`${server.url}/lgoin`)).status).toBe(200);
//   …
//   ● the client logs in
//   expect(received).toBe(expected) // Object.is equality
//   Expected: "/login"
//   Received: "/lgoin"
//   > 4 | expect(request.url.path).toBe("/login");
//   …
//   Tests: 1 failed, 1 passed, 2 total
