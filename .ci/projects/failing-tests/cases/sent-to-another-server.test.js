const { startTestServer } = require("asynchttpserver/testing");

test("the client logs in", async () => {
  const other = await startTestServer((request) => request.respond(200));
  const server = await startTestServer();
  try {
    const reply = fetch(`${other.url}/login`);
    const request = await server.acceptRequest({ while: reply });
    await request.respond(200);
  } finally {
    await server.close();
    await other.close();
  }
});

// Output:
//   ● the client logs in
//   the client was done before a request arrived at http://127.0.0.1:PORT: its promise was fulfilled with a response, 200 OK
//   No client has connected. Did it use this URL?
//   > 8 | const request = await server.acceptRequest({ while: reply });
//   …
//   Tests: 1 failed, 1 passed, 2 total
