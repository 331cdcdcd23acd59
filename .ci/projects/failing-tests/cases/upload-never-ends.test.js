const http = require("node:http");
const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

test("the client uploads", async () => {
  const client = http.request(`${server.url}/upload`, { method: "POST", headers: { "Content-Length": 10 } });
  client.on("error", () => {}).write("half");
  await server.acceptRequest({ timeout: 300 });
});

// Deadline: 300
// Output:
//   ● the client uploads
//   TimeoutError: no request arrived within 300 ms at http://127.0.0.1:PORT
//   What came so far:
//   POST /upload: its body is incomplete, 4 of 10 bytes
//   > 9 | await server.acceptRequest({ timeout: 300 });
//   …
//   Tests: 1 failed, 1 passed, 2 total
