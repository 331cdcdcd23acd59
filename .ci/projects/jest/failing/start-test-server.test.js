const { Http200 } = require("asynchttpserver");
const { startTestServer } = require("asynchttpserver/testing");

test("startTestServer(callback)", async () => {
  const server = await startTestServer((request) => {
    expect(request.url.path).toBe("/expected");
    return request.respond(Http200, "fine");
  });
  await fetch(`${server.url}/arrived`);
  await server.close();
});
