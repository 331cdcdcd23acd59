const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer((request) => request.respond(204));

test("the client asks once", async () => {
  await fetch(`${server.url}/pets`);
  await fetch(`${server.url}/pets`);
  expect(server).toHaveLength(1);
});

// Output:
//   ● the client asks once
//   TypeError: expect(received).toHaveLength(expected)
//   Matcher error: received value must have a length property whose value must be a number
//   Received has type: object
//   Received has value: {"requests": [{"body": "", "reqMethod": "GET", "status": 204, "url": "/pets"}, {"body": "", "reqMethod": "GET", "status": 204, "url": "/pets"}]}
//   > 8 | expect(server).toHaveLength(1);
//   …
//   Tests: 1 failed, 1 passed, 2 total
