const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const reply = fetch(`${server.url}/login`);
  const request = await server.acceptRequest({
    where: ({ url }) => url.searchParams.get("user").length > 0,
    while: reply,
  });
  await request.respond(200);
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   TypeError: Cannot read properties of null (reading 'length')
//   > 8 | where: ({ url }) => url.searchParams.get("user").length > 0,
//   …
//   Tests: 1 failed, 2 passed, 3 total
