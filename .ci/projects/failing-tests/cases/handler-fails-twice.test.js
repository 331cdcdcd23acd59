const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer((request) => {
  expect(request.url.path).toBe("/login");
  return request.respond(200);
});

test("the client logs in", async () => {
  await fetch(`${server.url}/lgoin`);
  await fetch(`${server.url}/logni`);
});

// Output:
//   ● the client logs in
//   AggregateError: 2 errors in handlers: GET /lgoin, GET /logni
//   Errors contained in AggregateError:
//   expect(received).toBe(expected) // Object.is equality
//   Expected: "/login"
//   Received: "/lgoin"
//   > 4 | expect(request.url.path).toBe("/login");
//   …
//   Tests: 1 failed, 1 passed, 2 total
