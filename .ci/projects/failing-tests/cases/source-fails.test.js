const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const reply = fetch(server.url).then((response) => response.text());
  const request = await server.acceptRequest({ while: reply });
  await request.respond(
    200,
    (async function* () {
      yield "wel";
      throw new Error("the file is gone");
    })(),
  );
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   the file is gone
//   > 12 | throw new Error("the file is gone");
//   …
//   Tests: 1 failed, 2 passed, 3 total
