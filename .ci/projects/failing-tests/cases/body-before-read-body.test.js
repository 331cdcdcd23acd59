const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer({ stream: true });

test("the client logs in", async () => {
  const reply = fetch(`${server.url}/login`, { method: "POST", body: "ann" });
  const request = await server.acceptRequest({ while: reply });
  expect(request.body).toBe("ann");
});

// Output:
//   ● the client logs in
//   the body of POST /login was not read: await request.readBody() first, or read request.bodyStream
//   > 8 | expect(request.body).toBe("ann");
//   …
//   Tests: 1 failed, 1 passed, 2 total
