const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const reply = fetch(server.url);
  const request = await server.acceptRequest({ while: reply });
  request.respond("200", "welcome");
  expect((await reply).status).toBe(200);
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   expect(received).toBe(expected) // Object.is equality
//   Expected: 200
//   Received: 500
//   > 9 | expect((await reply).status).toBe(200);
//   …
//   ● the client logs in
//   RangeError: the status must be a whole number from 100 to 599, got "200" (in the response to GET /)
//   > 8 | request.respond("200", "welcome");
//   …
//   Tests: 1 failed, 2 passed, 3 total
