const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer((request) => request.respond(204));

test("the client asks once", async () => {
  await fetch(`${server.url}/pets?limit=1`);
  await fetch(`${server.url}/pets`, { method: "POST", body: '{"name":"Rex"}' });
  expect(server.requests).toHaveLength(1);
});

// Output:
//   ● the client asks once
//   expect(received).toHaveLength(expected)
//   Expected length: 1
//   Received length: 2
//   Received array: [{"body": "", "reqMethod": "GET", "status": 204, "url": "/pets?limit=1"}, {"body": "{\"name\":\"Rex\"}", "reqMethod": "POST", "status": 204, "url": "/pets"}]
//   > 8 | expect(server.requests).toHaveLength(1);
//   …
//   Tests: 1 failed, 1 passed, 2 total
