const { setTimeout } = require("node:timers/promises");
const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer((request) => request.respond(request.url.path === "/poll" ? 200 : 404));

test("the order is sent while the client polls", async () => {
  let polls = true;
  const poller = (async () => {
    while (polls) {
      await fetch(`${server.url}/poll`);
      await setTimeout(20);
    }
  })();
  try {
    await fetch(`${server.url}/order`, { method: "POST" });
    await server.acceptRequest({
      where: ({ url }) => url.path === "/orders",
      timeout: 300,
    });
  } finally {
    polls = false;
    await poller;
  }
});

// Deadline: 300
// Output:
//   ● the order is sent while the client polls
//   TimeoutError: no request that fits where: ({ url }) => url.path === "/orders" arrived within 300 ms at http://127.0.0.1:PORT
//   What came so far:
//   GET /poll: answered with 200 (… times)
//   POST /order: answered with 404
//   > 16 | await server.acceptRequest({
//   …
//   Tests: 1 failed, 1 passed, 2 total
