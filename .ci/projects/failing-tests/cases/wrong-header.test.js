const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const reply = fetch(server.url, { headers: { Authorization: "Basic YTpi" } });
  const request = await server.acceptRequest({ while: reply });
  expect(request.headers.get("authorization")).toBe("Bearer t");
  await request.respond(200);
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   expect(received).toBe(expected) // Object.is equality
//   Expected: "Bearer t"
//   Received: "Basic YTpi"
//   > 8 | expect(request.headers.get("authorization")).toBe("Bearer t");
//   …
//   Tests: 1 failed, 2 passed, 3 total
