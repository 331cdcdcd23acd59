import { Agent } from "node:http";
import { Http200, Http204, type AsyncHttpServer, type Request } from "../../lib/index";
import { startTestServer } from "../../lib/testing/index";
import { requestOf } from "../helpers/node-client";
import { rejectionOf } from "../helpers/servers";

// What docs/testing-with-jest.md says beyond its blocks, which docs.test.ts runs.

describe("one port again and again meets no reset", () => {
  const close = { Connection: "close" };
  test.each<[how: string, headers: Record<string, string>, port: "same" | "free", endAgent: boolean]>([
    ["when the responses say close", close, "same", false],
    ["when the agent ends with the server", {}, "same", true],
    ["when the port is a free one", {}, "free", false],
  ])("%s", async (_, headers, which, endAgent) => {
    await using server = await startTestServer();
    const port = which === "same" ? server.getPort() : 0;
    const agent = new Agent({ keepAlive: true });
    const serving = (request: Request): Promise<void> => request.respond(Http200, "x", headers);
    for (let i = 0; i < 100; i++) {
      if (i > 0) await server.listen(port);
      void server.serve(serving);
      expect((await requestOf({ port: server.getPort(), agent })).status).toBe(200);
      if (endAgent) agent.destroy();
      await server.close();
    }
    agent.destroy();
  });
});

test("servers side by side have ports and requests of their own", async () => {
  const servers = await Promise.all(
    Array.from({ length: 20 }, () => startTestServer((request) => request.respond(Http204))),
  );
  await Promise.all(servers.map(async ({ url }, i) => fetch(`${url}/${i}`)));
  const seen = servers.map(({ requests }) => requests.map((request) => request.url.path));
  expect(seen).toEqual(servers.map((_, i) => [`/${i}`]));
  expect(new Set(servers.map((server) => server.getPort())).size).toBe(20);
  await Promise.all(servers.map((server) => server.close()));
});

describe("an assertion that fails in a handler reaches the test", () => {
  const handler = (request: Request): void => expect(request.url.path).toBe("/expected");

  test("once for each failure", async () => {
    const server = await startTestServer(handler);
    await Promise.all([fetch(`${server.url}/a`), fetch(`${server.url}/b`)]);
    const error = await rejectionOf(server.close());
    expect(error).toMatchObject({ name: "AggregateError" });
    // Not its message: in a terminal with colours an escape sequence may stand within the path.
    const { errors } = error as AggregateError;
    expect(errors).toMatchObject(["/a", "/b"].map((actual) => ({ matcherResult: { actual } })));
    await server.close();
  });

  test("at the next acceptRequest(callback)", async () => {
    await using server = await startTestServer();
    const response = fetch(`${server.url}/a`);
    await server.acceptRequest(handler);
    expect((await response).status).toBe(500);
    expect(await rejectionOf(server.acceptRequest(handler))).toMatchObject({ matcherResult: { actual: "/a" } });
  });
});

test.each<[code: string, act: (server: AsyncHttpServer) => Promise<unknown>]>([
  [
    "ERR_SERVER_CLOSED",
    async (server) => {
      const [waiting] = [rejectionOf(server.acceptRequest()), await server.close()];
      throw await waiting;
    },
  ],
  [
    "ERR_ALREADY_ANSWERED",
    async (server) => {
      const response = fetch(server.url);
      const request = await server.acceptRequest();
      await request.respond(Http200);
      await response;
      await request.respond(Http200);
    },
  ],
  [
    "ECONNREFUSED",
    async (server) => {
      const port = server.getPort();
      await server.close();
      await requestOf({ port });
    },
  ],
])("%s means what the guide says", async (code, act) => {
  await using server = await startTestServer();
  expect(await rejectionOf(act(server))).toMatchObject({ code });
});
