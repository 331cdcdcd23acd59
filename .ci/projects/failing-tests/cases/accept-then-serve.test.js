const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer((request) => request.respond(200));

test("a second handler", async () => {
  await server.serve((request) => request.respond(404));
});

// Output:
//   ● a second handler
//   the server has a handler already, from an earlier serve: close it first, or make it without one
//   > 6 | await server.serve((request) => request.respond(404));
//   …
//   Tests: 1 failed, 1 passed, 2 total
