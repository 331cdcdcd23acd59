const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const reply = fetch(`${server.url}/login`, { method: "POST", body: "{}" });
  const request = await server.acceptRequest({ while: reply });
  expect(request.json()).toEqual({ user: "ann" });
  await request.respond(200, "welcome");
  expect(await (await reply).text()).toBe("welcome");
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   expect(received).toEqual(expected) // deep equality
//   - Expected - 3
//   + Received + 1
//   - Object {
//   - "user": "ann",
//   - }
//   + Object {}
//   > 8 | expect(request.json()).toEqual({ user: "ann" });
//   …
//   Tests: 1 failed, 2 passed, 3 total
