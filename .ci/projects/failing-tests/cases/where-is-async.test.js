const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const reply = fetch(`${server.url}/login`);
  const request = await server.acceptRequest({ where: async ({ url }) => url.path === "/login", while: reply });
  await request.respond(200);
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   TypeError: where must return true or false at once, it cannot be async; got a Promise
//   > 7 | const request = await server.acceptRequest({ where: async ({ url }) => url.path === "/login", while: reply });
//   …
//   Tests: 1 failed, 2 passed, 3 total
