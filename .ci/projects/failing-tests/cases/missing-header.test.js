const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const reply = fetch(server.url);
  const request = await server.acceptRequest({ while: reply });
  expect(request.headers).toEqual({ authorization: "Bearer t" });
  await request.respond(200);
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   expect(received).toEqual(expected) // deep equality
//   - Expected - 2
//   + Received + …
//   - Object {
//   - "authorization": "Bearer t",
//   + HttpHeaders {
//   …
//   + "host": "127.0.0.1:PORT",
//   …
//   }
//   > 8 | expect(request.headers).toEqual({ authorization: "Bearer t" });
//   …
//   Tests: 1 failed, 2 passed, 3 total
