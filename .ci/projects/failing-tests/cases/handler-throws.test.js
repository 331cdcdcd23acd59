const { useTestServer } = require("asynchttpserver/testing");

const users = new Map();
const server = useTestServer((request) => request.respond(200, users.get("ann").name));

test("the client logs in", async () => {
  await fetch(`${server.url}/login`);
});

// Output:
//   ● the client logs in
//   TypeError: Cannot read properties of undefined (reading 'name')
//   > 4 | const server = useTestServer((request) => request.respond(200, users.get("ann").name));
//   …
//   Tests: 1 failed, 1 passed, 2 total
