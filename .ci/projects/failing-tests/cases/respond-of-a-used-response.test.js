const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client logs in", async () => {
  const page = new Response("welcome");
  expect(await page.text()).toBe("welcome");
  const reply = fetch(`${server.url}/login`);
  const request = await server.acceptRequest({ while: reply });
  await request.respond(page);
});

test("a neighbour", async () => {
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(204);
  expect((await reply).status).toBe(204);
});

// Output:
//   ● the client logs in
//   TypeError: the body of this Response was read already, or is being read: make a new Response, or read a clone() (in the response to GET /login)
//   > 10 | await request.respond(page);
//   …
//   Tests: 1 failed, 2 passed, 3 total
