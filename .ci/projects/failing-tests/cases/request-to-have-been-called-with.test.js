const { useTestServer } = require("asynchttpserver/testing");

const handler = jest.fn((request) => request.respond(204));
const server = useTestServer(handler);

test("the handler is called", async () => {
  await fetch(`${server.url}/pets`, { method: "DELETE" });
  expect(handler).toHaveBeenCalledWith(expect.objectContaining({ reqMethod: "PUT" }));
});

// Output:
//   ● the handler is called
//   expect(jest.fn()).toHaveBeenCalledWith(...expected)
//   Expected: ObjectContaining {"reqMethod": "PUT"}
//   Received: {"body": "", "reqMethod": "DELETE", "status": 204, "url": "/pets"}
//   Number of calls: 1
//   > 8 | expect(handler).toHaveBeenCalledWith(expect.objectContaining({ reqMethod: "PUT" }));
//   …
//   Tests: 1 failed, 1 passed, 2 total
