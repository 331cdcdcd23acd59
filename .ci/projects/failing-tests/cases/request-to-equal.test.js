const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const reply = fetch(`${server.url}/lgoin`, { method: "POST", body: "{}" });
  const request = await server.acceptRequest({ while: reply });
  expect(request).toEqual({ reqMethod: "POST", url: "/login", body: "{}" });
});

// Output:
//   ● the client logs in
//   expect(received).toEqual(expected) // deep equality
//   - Expected - 2
//   + Received + 3
//   - Object {
//   + Request {
//   "body": "{}",
//   "reqMethod": "POST",
//   - "url": "/login",
//   + "status": 0,
//   + "url": "/lgoin",
//   }
//   > 8 | expect(request).toEqual({ reqMethod: "POST", url: "/login", body: "{}" });
//   …
//   Tests: 1 failed, 1 passed, 2 total
