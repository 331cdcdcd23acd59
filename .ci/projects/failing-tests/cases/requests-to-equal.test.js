const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer((request) => request.respond(204));

test("nothing is sent", async () => {
  await fetch(`${server.url}/pets`, { method: "POST", body: "Rex" });
  expect(server.requests).toEqual([]);
});

// Output:
//   ● nothing is sent
//   expect(received).toEqual(expected) // deep equality
//   - Expected - 1
//   + Received + 8
//   - Array []
//   + Array [
//   + Request {
//   + "body": "Rex",
//   + "reqMethod": "POST",
//   + "status": 204,
//   + "url": "/pets",
//   + },
//   + ]
//   > 7 | expect(server.requests).toEqual([]);
//   …
//   Tests: 1 failed, 1 passed, 2 total
