const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const reply = fetch(`${server.url}/login`);
  const request = await server.acceptRequest({ while: reply });
  await request.respond(200, "welcome", { "X Name": "ann" });
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   TypeError: the header "x name" cannot be sent: a name is made of letters, digits and hyphens (in the response to GET /login)
//   > 8 | await request.respond(200, "welcome", { "X Name": "ann" });
//   …
//   Tests: 1 failed, 2 passed, 3 total
