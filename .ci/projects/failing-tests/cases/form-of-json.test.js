const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const reply = fetch(`${server.url}/login`, {
    method: "POST",
    body: '{"user":"ann"}',
    headers: { "Content-Type": "application/json" },
  });
  const request = await server.acceptRequest({ while: reply });
  expect(request.form().get("user")).toBe("ann");
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   TypeError: the body of POST /login is not a form: its Content-Type is "application/json", not application/x-www-form-urlencoded: use json(); it starts "{\"user\":\"ann\"}"
//   > 12 | expect(request.form().get("user")).toBe("ann");
//   …
//   Tests: 1 failed, 2 passed, 3 total
