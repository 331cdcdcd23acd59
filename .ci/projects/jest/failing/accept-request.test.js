const { newAsyncHttpServer, Http200 } = require("asynchttpserver");

test("acceptRequest(callback)", async () => {
  const server = newAsyncHttpServer();
  await server.listen(0);
  const reply = fetch(`${server.url}/arrived`);
  await server.acceptRequest((request) => {
    expect(request.url.path).toBe("/expected");
    return request.respond(Http200, "fine");
  });
  await reply;
  await server.close();
});
