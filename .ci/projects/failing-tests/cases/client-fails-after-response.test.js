const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const login = async () => {
    const response = await fetch(server.url);
    if (!response.ok) throw new Error(`login failed with ${response.status}`);
  };
  const reply = login();
  const request = await server.acceptRequest({ while: reply });
  await request.respond(503);
  await reply;
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   login failed with 503
//   > 8 | if (!response.ok) throw new Error(`login failed with ${response.status}`);
//   …
//   Tests: 1 failed, 2 passed, 3 total
