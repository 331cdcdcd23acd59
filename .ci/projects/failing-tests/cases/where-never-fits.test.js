const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const reply = fetch(`${server.url}/lgoin`, { method: "POST", body: "{}" });
  const request = await server.acceptRequest({ where: ({ url }) => url.path === "/login", while: reply, timeout: 300 });
  await request.respond(200);
});

// Deadline: 300
// Output:
//   ● the client logs in
//   TimeoutError: no request that fits where: ({ url }) => url.path === "/login" arrived within 300 ms at http://127.0.0.1:PORT
//   What came so far:
//   POST /lgoin: not accepted yet
//   > 7 | const request = await server.acceptRequest({ where: ({ url }) => url.path === "/login", while: reply, timeout: 300 });
//   …
//   Tests: 1 failed, 1 passed, 2 total
