const { newAsyncHttpServer, Http200 } = require("asynchttpserver");

test("acceptRequest(callback) that fails after an await", async () => {
  const server = newAsyncHttpServer();
  await server.listen(0);
  const reply = fetch(`${server.url}/arrived`, { method: "POST", body: "{}" });
  await server.acceptRequest(async (request) => {
    await request.respond(Http200, "fine");
    expect(request.url.path).toBe("/expected");
  });
  await reply;
  await server.close();
});
