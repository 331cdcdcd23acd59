const { setTimeout: realTimeout } = require("node:timers/promises");
const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

afterEach(() => jest.useRealTimers());

test("the client tries again after a second", async () => {
  jest.useFakeTimers();
  const stubborn = async () => {
    if ((await fetch(server.url)).ok) return;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await fetch(server.url);
  };
  const reply = stubborn();
  await (await server.acceptRequest({ while: reply })).respond(503);
  await (await server.acceptRequest({ while: reply, timeout: 300 })).respond(200);
});

test("a neighbour", () => realTimeout(1));

// Deadline: 300
// Output:
//   ● the client tries again after a second
//   TimeoutError: no further request arrived within 300 ms at http://127.0.0.1:PORT
//   What came so far:
//   GET /: answered with 503
//   > 17 | await (await server.acceptRequest({ while: reply, timeout: 300 })).respond(200);
//   …
//   Tests: 1 failed, 2 passed, 3 total
