const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const reply = fetch(`${server.url}/first`);
  await (await server.acceptRequest({ while: reply })).respond(200);
  await server.acceptRequest({ while: reply });
});

// Output:
//   ● the client logs in
//   the client was done before a further request arrived at http://127.0.0.1:PORT: its promise was fulfilled with a response, 200 OK
//   What came so far:
//   GET /first: answered with 200
//   > 8 | await server.acceptRequest({ while: reply });
//   …
//   Tests: 1 failed, 1 passed, 2 total
