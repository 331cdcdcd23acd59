const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const reply = fetch(`${server.url}/login`);
  const request = await server.acceptRequest({ while: reply, timeOut: 300 });
  await request.respond(200);
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   TypeError: acceptRequest has no option "timeOut", it has timeout, signal, where, while
//   > 7 | const request = await server.acceptRequest({ while: reply, timeOut: 300 });
//   …
//   Tests: 1 failed, 2 passed, 3 total
