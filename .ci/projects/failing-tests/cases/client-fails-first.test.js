const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const login = async () => fetch("http://127.0.0.1:2/login");
  const reply = login();
  const request = await server.acceptRequest({ while: reply });
  await request.respond(200);
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   the client failed before a request arrived at http://127.0.0.1:PORT: TypeError: fetch failed (connect ECONNREFUSED 127.0.0.1:PORT)
//   No client has connected. Did it use this URL?
//   > 8 | const request = await server.acceptRequest({ while: reply });
//   …
//   Tests: 1 failed, 2 passed, 3 total
