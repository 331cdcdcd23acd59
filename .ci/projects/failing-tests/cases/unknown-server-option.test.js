const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer({ maxbody: 100 });

test("the client logs in", async () => {
  await fetch(server.url);
});

// Output:
//   ● Test suite failed to run
//   TypeError: a server has no option "maxbody", it has reuseAddr, reusePort, maxBody, stream, http, tls, onError, hooks
//   > 3 | const server = useTestServer({ maxbody: 100 });
//   …
//   Tests: 1 passed, 1 total
