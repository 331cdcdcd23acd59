const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const login = async () => {
    const response = await fetch(server.url);
    if (!response.ok) throw new Error(`login failed with ${response.status}`);
  };
  const reply = login();
  const request = await server.acceptRequest();
  expect(request.reqMethod).toBe("POST");
  await request.respond(200);
  await reply;
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   expect(received).toBe(expected) // Object.is equality
//   Expected: "POST"
//   Received: "GET"
//   > 12 | expect(request.reqMethod).toBe("POST");
//   …
//   ● the client logs in
//   login failed with 410
//   > 8 | if (!response.ok) throw new Error(`login failed with ${response.status}`);
//   …
//   Tests: 1 failed, 2 passed, 3 total
