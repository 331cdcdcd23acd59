const { testCertificate, useTestServer } = require("asynchttpserver/testing");

const server = useTestServer({ tls: testCertificate });

test("the client logs in", async () => {
  const reply = fetch(server.url);
  const request = await server.acceptRequest({ while: reply });
  await request.respond(200);
});

// Output:
//   ● the client logs in
//   the client failed before a request arrived at https://127.0.0.1:PORT: TypeError: fetch failed (self-signed certificate…
//   What came so far:
//   a TLS handshake that the client broke off: does it trust the certificate?
//   > 7 | const request = await server.acceptRequest({ while: reply });
//   …
//   Tests: 1 failed, 1 passed, 2 total
