import { shortTimeouts, startParityApp } from "../helpers/parity-app";
import { get, postLines } from "../helpers/servers";
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
