const { newAsyncHttpServer } = require("asynchttpserver");
const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("a server on a port of its own", async () => {
  const other = newAsyncHttpServer();
  await other.listen(server.getPort());
});

// Output:
//   ● a server on a port of its own
//   listen EADDRINUSE: address already in use 127.0.0.1:PORT: something listens on port … already; port 0 takes a free one
//   > 8 | await other.listen(server.getPort());
//   …
//   Tests: 1 failed, 1 passed, 2 total
