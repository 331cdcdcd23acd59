const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const request = await server.acceptRequest({ timeout: 300 });
  await request.respond(200);
});

// Deadline: 300
// Output:
//   ● the client logs in
//   TimeoutError: no request arrived within 300 ms at http://127.0.0.1:PORT
//   No client has connected. Was it called, and with this URL?
//   > 6 | const request = await server.acceptRequest({ timeout: 300 });
//   …
//   Tests: 1 failed, 1 passed, 2 total
