const { newAsyncHttpServer } = require("asynchttpserver");

test("listen is not awaited", async () => {
  const server = newAsyncHttpServer();
  const reply = fetch(server.url);
  await (await server.acceptRequest({ while: reply })).respond(200);
});

// Output:
//   ● listen is not awaited
//   the server does not listen: await listen first
//   > 5 | const reply = fetch(server.url);
//   …
//   Tests: 1 failed, 1 passed, 2 total
