const { Http200 } = require("asynchttpserver");
const { startTestServer } = require("asynchttpserver/testing");

let server;
beforeEach(async () => {
  server = await startTestServer((request) => {
    expect(request.url.path).toBe("/expected");
    return request.respond(Http200, "fine");
  });
});
afterEach(() => server.close());

test("a server closed in afterEach", async () => {
  await fetch(`${server.url}/arrived`);
});
