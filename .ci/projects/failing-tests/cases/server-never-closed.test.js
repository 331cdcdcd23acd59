const { startTestServer } = require("asynchttpserver/testing");

test("the client logs in", async () => {
  const server = await startTestServer((request) => request.respond(200, "welcome"));
  expect(await (await fetch(server.url)).text()).toBe("good bye");
});

// Output:
//   ● the client logs in
//   expect(received).toBe(expected) // Object.is equality
//   Expected: "good bye"
//   Received: "welcome"
//   > 5 | expect(await (await fetch(server.url)).text()).toBe("good bye");
//   …
//   Tests: 1 failed, 1 passed, 2 total
