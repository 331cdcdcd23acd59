const { newAsyncHttpServer, Http200 } = require("asynchttpserver");

test("serve", async () => {
  // Without it the error is printed: a server in production has no test to fail.
  const errors = [];
  const server = newAsyncHttpServer({ onError: (error) => errors.push(error) });
  await server.listen(0);
  const served = server.serve(async (request) => {
    expect(request.url.path).toBe("/expected");
    await request.respond(Http200, "fine");
  });
  await fetch(`${server.url}/arrived`);
  await server.close();
  await served;
  for (const error of errors) throw error;
});
