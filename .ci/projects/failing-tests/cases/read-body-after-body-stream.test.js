const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer({ stream: true });

test("the client logs in", async () => {
  const reply = fetch(`${server.url}/login`, { method: "POST", body: "ann" });
  const request = await server.acceptRequest({ while: reply });
  for await (const chunk of request.bodyStream) expect(String(chunk)).toBe("ann");
  expect(String(await request.readBody())).toBe("ann");
});

// Output:
//   ● the client logs in
//   the body of POST /login cannot be read: bodyStream was read already
//   > 9 | expect(String(await request.readBody())).toBe("ann");
//   …
//   Tests: 1 failed, 1 passed, 2 total
