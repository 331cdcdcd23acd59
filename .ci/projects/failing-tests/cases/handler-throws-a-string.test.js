const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer(async () => {
  throw "out of order";
});

test("the client logs in", async () => {
  await fetch(`${server.url}/login`);
});

// Output:
//   ● the client logs in
//   thrown: "out of order"
//   …
//   Tests: 1 failed, 1 passed, 2 total
