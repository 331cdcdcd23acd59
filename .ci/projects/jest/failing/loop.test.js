const { newAsyncHttpServer, Http200 } = require("asynchttpserver");

test("Nim's loop", async () => {
  const server = newAsyncHttpServer();
  await server.listen(0);
  const reply = fetch(`${server.url}/arrived`);
  try {
    while (true) {
      await server.acceptRequest(async (request) => {
        expect(request.url.path).toBe("/expected");
        await request.respond(Http200, "fine");
      });
    }
  } finally {
    await reply;
    await server.close();
  }
});
