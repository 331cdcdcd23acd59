const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer((request) => request.respond(200));

test("the order is sent while the client polls", async () => {
  await fetch(`${server.url}/poll`);
  const order = fetch(`${server.url}/orders`, { method: "POST" });
  await order;
  await server.acceptRequest({ while: order });
});

// Output:
//   ● the order is sent while the client polls
//   the client was done before a further request arrived at http://127.0.0.1:PORT: its promise was fulfilled with a response, 200 OK
//   What came so far:
//   GET /poll: answered with 200
//   POST /orders: answered with 200
//   > 9 | await server.acceptRequest({ while: order });
//   …
//   Tests: 1 failed, 1 passed, 2 total
