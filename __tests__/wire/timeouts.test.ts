import { shortTimeouts, startParityApp } from "../helpers/parity-app";
import { get, postLines, startServer } from "../helpers/servers";
import { dial } from "../helpers/sockets";
import { chunked, expectExchange, type Status } from "../helpers/wire-case";

describe("timeouts end what never ends by itself", () => {
  const rows: ReadonlyArray<
    readonly [name: string, send: string, statuses: readonly Status[], ran: readonly string[]]
  > = [
    ["nothing sent", "", [408], []],
    ["half a request line", "GET /h", [408], []],
    ["half a head", "GET /half HTTP/1.1\r\nHost: h\r\n", [408], []],
    ["half a body", postLines("/p", ["Content-Length: 10"], "hello"), [408], []],
    ["half a chunk", postLines("/p", [chunked], "5\r\nhel"), [408], []],
    ["no body behind a 100", postLines("/p", ["Content-Length: 5", "Expect: 100-continue"], ""), [100, 408], []],
    ["half a request behind a response", `${get("/g")}GET /half HTTP/1.1\r\n`, [200, 408], ["GET /g"]],
    [
      "half a body behind a response",
      get("/g") + postLines("/p", ["Content-Length: 10"], "hello"),
      [200, 408],
      ["GET /g"],
    ],
    ["an idle connection", get("/g"), [200], ["GET /g"]],
  ];

  test.each(rows)("%s", async (_name, send, statuses, ran) => {
    const short = await startParityApp(shortTimeouts);
    await expectExchange(short, { send, statuses, end: "gone", ran });
  });
});

test.each([
  ["0", { keepAliveTimeout: 0 }, 0],
  ["0, and a timeout of the server", { keepAliveTimeout: 0 }, 50_000],
  ["65 s", {}, 65_000],
])("behind a response that its client took late, keepAliveTimeout %s counts again", async (_, http, timeout) => {
  const server = await startServer({ http });
  if (timeout !== 65_000) server.node.timeout = timeout;
  const client = await dial(server.getPort(), get());
  const request = await server.acceptRequest();
  const responded = request.respond(200, Buffer.alloc(24 * 1024 * 1024));
  const limit = request.client.timeout;
  client.resume();
  await responded;
  expect(limit).toBe(timeout === 50_000 ? 50_000 : 120_000);
  // Node adds a second of its own to what it tells the client.
  expect([timeout, timeout + 1_000]).toContain(request.client.timeout);
});
