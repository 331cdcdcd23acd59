const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const reply = fetch(`${server.url}/login`);
  const request = await server.acceptRequest({ while: reply });
  await request.respond(200, "welcome");
  await request.respond(500, "or not");
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   GET /login cannot be answered: it was answered with 200 already
//   > 9 | await request.respond(500, "or not");
//   …
//   Tests: 1 failed, 2 passed, 3 total
