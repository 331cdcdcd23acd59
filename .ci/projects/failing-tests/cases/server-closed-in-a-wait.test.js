const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const accepted = server.acceptRequest();
  await server.close();
  await accepted;
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   the server was closed while this call waited
//   > 6 | const accepted = server.acceptRequest();
//   …
//   Tests: 1 failed, 2 passed, 3 total
