import { shareParityApp, startParityApp } from "../helpers/parity-app";
import { RawClient } from "../helpers/raw-client";
import { get, postLines } from "../helpers/servers";
import { chunked, echoOf, expectExchange, expectRefused, expectServed, smuggled } from "../helpers/wire-case";

const app = shareParityApp();

describe("Expect (9110 10.1.1)", () => {
  const expect100 = "Expect: 100-continue";

  test.each(["POST", "PUT", "PATCH", "DELETE", "GET"])(
    "%s with a body waits for the 100, then for the response",
    async (method) => {
      const head = `${method} /e HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n${expect100}\r\n\r\n`;
      const client = await RawClient.connect(app.server);
      await client.send(head);
      const [interim] = await client.readAny(1);
      expect(interim).toMatchObject({ status: 100, reason: "Continue", headers: [] });
      await client.send("hello");
      expect(echoOf((await client.read(1)).at(-1)).bodyLen).toBe(5);
    },
  );

  test.each([
    ["any letters", postLines("/e", ["Content-Length: 5", "Expect: 100-CONTINUE"], "hello")],
    ["white space", postLines("/e", ["Content-Length: 5", "Expect:\t100-continue \t"], "hello")],
    ["chunked", postLines("/e", [chunked, expect100], "5\r\nhello\r\n0\r\n\r\n")],
  ])("%s", async (_name, send) => {
    await expectExchange(app, { send, statuses: [100, 200], end: "open", ran: ["POST /e"] });
  });

  test.each([
    ["no body", get("/e", expect100), "GET /e"],
    ["a body of no bytes", postLines("/e", ["Content-Length: 0", expect100], ""), "POST /e"],
  ])("no 100 for %s", async (_name, send, ran) => {
    await expectServed(app, send, ran);
  });

  test("HTTP/1.0: the expectation is ignored", async () => {
    const send = `PUT /e HTTP/1.0\r\nContent-Length: 5\r\n${expect100}\r\n\r\nhello`;
    await expectExchange(app, { send, statuses: [200], end: "eof", ran: ["PUT /e"] });
  });

  test.each(["POST", "PUT", "GET"])("%s over the limit: 413 and no 100", async (method) => {
    const head = `${method} /e HTTP/1.1\r\nHost: h\r\nContent-Length: 8388609\r\n${expect100}\r\n\r\n`;
    await expectRefused(app, head, 413);
    await expectRefused(app, head + smuggled, 413);
  });

  test("a chunked body that grows over the limit: 100, then 413", async () => {
    const small = await startParityApp({ maxBody: 4 });
    const send = postLines("/e", [chunked, expect100], `5\r\nhello\r\n0\r\n\r\n${smuggled}`);
    await expectExchange(small, { send, statuses: [100, 413], end: "gone", ran: [] });
  });

  test.each([
    "something",
    "100",
    "100-continued",
    "200-ok",
    "100-continue, other",
    "other, 100-continue",
    '"100-continue"',
  ])("%j: 417", async (value) => {
    await expectRefused(
      app,
      `PUT /e HTTP/1.1\r\nHost: h\r\nContent-Length: ${smuggled.length}\r\nExpect: ${value}\r\n\r\n${smuggled}`,
      417,
    );
    await expectRefused(app, get("/e", `Expect: ${value}`) + smuggled, 417);
  });

  test("the 100 of the second request comes behind the response to the first", async () => {
    const client = await RawClient.connect(app.server);
    await client.send(get("/slow") + postLines("/e", ["Content-Length: 5", expect100], ""));
    expect((await client.readAny(2)).map((response) => response.status)).toEqual([200, 100]);
    await client.send(`hello${get("/g")}`);
    expect((await client.read(3)).map((response) => response.status)).toEqual([200, 100, 200, 200]);
  });

  test("no 100 is needed where the body is there already", async () => {
    const client = await RawClient.connect(app.server);
    await client.send(get("/slow") + postLines("/e", ["Content-Length: 5", expect100], "hello") + get("/g"));
    const responses = (await client.read(3)).filter((response) => !response.interim);
    expect(responses.map((response) => response.status)).toEqual([200, 200, 200]);
    expect(echoOf(responses[1]).bodyLen).toBe(5);
  });

  test("the 417 of the second request comes behind the response to the first", async () => {
    const send = get("/slow") + get("/e", "Expect: x") + smuggled;
    await expectExchange(app, { send, statuses: [200, 417], end: "gone", ran: ["GET /slow"] });
  });
});
