const { newAsyncHttpServer, Http200 } = require("asynchttpserver");

test("serve", async () => {
  const server = newAsyncHttpServer();
  await server.listen(0);
  const served = server.serve(async (request) => {
    expect(request.url.path).toBe("/expected");
    await request.respond(Http200, "fine");
  });
  await fetch(`${server.url}/arrived`);
  await server.close();
  await served;
});
