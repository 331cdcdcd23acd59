import { shareParityApp } from "../helpers/parity-app";
import { headerValues } from "../helpers/raw-client";
import { expectErrorResponse, expectExchange, plain, smuggled } from "../helpers/wire-case";

const app = shareParityApp();

describe("an error response of the library", () => {
  test.each([
    ["400", `GET /bad HTTP/1.1\r\n\r\n`, 400],
    ["413", `POST /bad HTTP/1.1\r\nHost: h\r\nContent-Length: 8388609\r\n\r\n`, 413],
    ["414", `GET /${"a".repeat(8192)} ${plain}`, 414],
    ["417", `GET /bad HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n`, 417],
    ["431", `GET /bad HTTP/1.1\r\nHost: h\r\nX: ${"v".repeat(17_000)}\r\n\r\n`, 431],
    ["501", `BREW /bad ${plain}`, 501],
    ["505", `GET /bad HTTP/2.0\r\nHost: h\r\n\r\n`, 505],
  ])("%s", async (_name, send, status) => {
    const { responses } = await expectExchange(app, { send: send + smuggled, statuses: [status], end: "eof", ran: [] });
    expectErrorResponse(responses[0]);
    const names = responses[0]?.headers.map(([name]) => name).filter((name) => name !== "Date");
    expect(names?.sort()).toEqual(["Connection", "Content-Length", "Content-Type"]);
  });

  test("9110 9.3.2: to HEAD has no content", async () => {
    const send = "HEAD /bad HTTP/1.1\r\n\r\n";
    const { responses } = await expectExchange(app, { send, methods: ["HEAD"], statuses: [400], end: "eof", ran: [] });
    expect(headerValues(responses[0]!, "content-length")).toEqual(["15"]);
  });
});
