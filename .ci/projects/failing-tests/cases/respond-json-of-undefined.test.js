const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const user = {};
  const reply = fetch(`${server.url}/login`);
  const request = await server.acceptRequest({ while: reply });
  await request.respondJson(200, user.token);
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   TypeError: undefined is no JSON value: give null, or use respond(code) for no content (in the response to GET /login)
//   > 9 | await request.respondJson(200, user.token);
//   …
//   Tests: 1 failed, 2 passed, 3 total
