const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const reply = fetch(`${server.url}/login`, { method: "POST", body: new URLSearchParams({ user: "ann" }) });
  const request = await server.acceptRequest({ while: reply });
  expect(request.json()).toEqual({ user: "ann" });
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   SyntaxError: the body of POST /login is not JSON: its Content-Type is "application/x-www-form-urlencoded;charset=UTF-8": use form(); it starts "user=ann" (Unexpected token 'u', "user=ann" is not valid JSON)
//   > 8 | expect(request.json()).toEqual({ user: "ann" });
//   …
//   Tests: 1 failed, 2 passed, 3 total
