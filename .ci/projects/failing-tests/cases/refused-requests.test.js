const net = require("node:net");
const { once } = require("node:events");
const { useTestServer } = require("asynchttpserver/testing");

const server = useTestServer();

/** A client that writes HTTP by itself. */
async function send(text) {
  const socket = net.connect(server.getPort(), "127.0.0.1");
  socket.resume().write(text);
  await once(socket, "end");
  socket.destroy();
}

test("requests that the server refused", async () => {
  await send("patch /pets/1 HTTP/1.1\r\nHost: a\r\n\r\n");
  await send("GET /no-host HTTP/1.1\r\n\r\n");
  await send(`GET /long HTTP/1.1\r\nHost: a\r\nCookie: ${"x".repeat(20_000)}\r\n\r\n`);
  await send("PUT /large HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n");
  await server.acceptRequest({ timeout: 300 });
});

// Deadline: 300
// Output:
//   ● requests that the server refused
//   TimeoutError: no request arrived within 300 ms at http://127.0.0.1:PORT
//   What came so far:
//   patch /pets/1 HTTP/1.1: refused with 501 Not Implemented
//   GET /no-host: refused with 400 Bad Request
//   GET /long HTTP/1.1: refused with 431 Request Header Fields Too Large
//   PUT /large: refused with 413 Request Entity Too Large
//   > 20 | await server.acceptRequest({ timeout: 300 });
//   …
//   Tests: 1 failed, 1 passed, 2 total
