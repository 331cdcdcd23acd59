const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const login = async () => "a token out of the cache";
  const reply = login(server.url);
  const request = await server.acceptRequest({ while: reply });
  await request.respond(200);
});

// Output:
//   ● the client logs in
//   the client was done before a request arrived at http://127.0.0.1:PORT: its promise was fulfilled with 'a token out of the cache'
//   No client has connected. Did it use this URL?
//   > 8 | const request = await server.acceptRequest({ while: reply });
//   …
//   Tests: 1 failed, 1 passed, 2 total
