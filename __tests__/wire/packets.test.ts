import { setImmediate as turn } from "node:timers/promises";
import { shareParityApp } from "../helpers/parity-app";
import { headerValues, RawClient } from "../helpers/raw-client";
import { get, postLines } from "../helpers/servers";
import { chunked, echoOf, expectBareErrorResponse, expectErrorResponse, smuggled } from "../helpers/wire-case";

const app = shareParityApp();

describe("packets of any size", () => {
  const requests = [
    postLines("/c", [chunked, "X-List: a", "x-list: b"], "5;e=1\r\nhello\r\n1\r\n!\r\n0\r\nX-T: t\r\n\r\n"),
    postLines("/p", ["Content-Length: 3"], "abc"),
    get("/g?q#f"),
  ].join("");
  const bodies = ["68656c6c6f21", "616263", ""];

  test("three requests, one byte at a time", async () => {
    const client = await RawClient.connect(app.server);
    await client.sendBytewise(requests);
    expect((await client.read(3)).map((response) => echoOf(response).bodyHex)).toEqual(bodies);
  });

  test("three requests, cut in two at every place", async () => {
    const client = await RawClient.connect(app.server);
    for (let at = 1; at < requests.length; at++) {
      await client.send(requests.slice(0, at));
      await turn();
      await client.send(requests.slice(at));
      const responses = await client.read(at * 3);
      expect(responses.slice(-3).map((response) => echoOf(response).bodyHex)).toEqual(bodies);
    }
  });

  test.each([
    ["unknown method", "BREW /m HTTP/1.1\r\nHost: h\r\n\r\n", [400, 501]],
    ["HTTP/2.0", "GET /m HTTP/2.0\r\nHost: h\r\n\r\n", [400, 505]],
    ["invalid header field", get("/m", "X A: v"), [400]],
    ["two Hosts", get("/m", "Host: h"), [400]],
    ["over maxBody", postLines("/m", ["Content-Length: 8388609"], ""), [413]],
    ["two lengths", postLines("/m", ["Content-Length: 1", "Content-Length: 2"], "a"), [400]],
    ["head too large", get("/m", `X-A: ${"v".repeat(17_000)}`), [431]],
    ["request line too long", get(`/${"a".repeat(8_300)}`), [414]],
  ])("%s, one byte at a time: one error response", async (_name, bytes, statuses) => {
    app.ran.length = 0;
    const client = await RawClient.connect(app.server);
    await client.sendBytewise(bytes + smuggled);
    const responses = await client.end();
    expect(responses.map((response) => statuses.includes(response.status))).toEqual([true]);
    if (headerValues(responses[0]!, "content-length").length > 0) expectErrorResponse(responses[0]);
    else expectBareErrorResponse(responses[0]);
    expect(app.ran).toEqual([]);
  });
});
