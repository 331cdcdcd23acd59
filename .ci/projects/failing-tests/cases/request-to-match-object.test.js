const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const reply = fetch(`${server.url}/lgoin`, { method: "POST", body: "{}" });
  const request = await server.acceptRequest({ while: reply });
  expect(request).toMatchObject({ reqMethod: "PUT", body: "{}" });
});

// Output:
//   ● the client logs in
//   expect(received).toMatchObject(expected)
//   - Expected - 2
//   + Received + 4
//   - Object {
//   + Request {
//   "body": "{}",
//   - "reqMethod": "PUT",
//   + "reqMethod": "POST",
//   + "status": 0,
//   + "url": "/lgoin",
//   }
//   > 8 | expect(request).toMatchObject({ reqMethod: "PUT", body: "{}" });
//   …
//   Tests: 1 failed, 1 passed, 2 total
