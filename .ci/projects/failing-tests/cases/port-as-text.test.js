const { newAsyncHttpServer } = require("asynchttpserver");

test("a port out of the environment", async () => {
  const server = newAsyncHttpServer();
  await server.listen("80a");
});

// Output:
//   ● a port out of the environment
//   TypeError: the port must be a number; got "80a"
//   > 5 | await server.listen("80a");
//   …
//   Tests: 1 failed, 1 passed, 2 total
