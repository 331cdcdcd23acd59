import { nodeMajor } from "../helpers/node-version";
import { shareParityApp } from "../helpers/parity-app";
import { RawClient } from "../helpers/raw-client";
import { askOn, get, pieces, postLines, rejectionOf, startServer } from "../helpers/servers";
import { chunked, echoOf, expectExchange, smuggled } from "../helpers/wire-case";

const app = shareParityApp();

/** From Node 25 on, nothing behind the body of an upgrade request can be trusted, and the connection ends. */
const endsAfterUpgradeBody = nodeMajor >= 25;

describe("an upgrade that nobody takes up is an ordinary request (9110 7.8)", () => {
  const websocket = ["Connection: Upgrade", "Upgrade: websocket"];

  test.each([
    ["Connection: Upgrade", websocket],
    ["Connection: keep-alive, Upgrade", ["Connection: keep-alive, Upgrade", "Upgrade: websocket"]],
    ["Connection: upgrade", ["Connection: upgrade", "Upgrade: foo/2"]],
    ["h2c", ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"]],
    ["Upgrade without Connection", ["Upgrade: websocket"]],
    ["Connection without Upgrade, as nginx sends it", ["Connection: upgrade"]],
  ])("%s", async (_name, lines) => {
    const send = get("/w", ...lines) + get("/2") + get("/3", ...lines) + get("/4");
    const ran = ["GET /w", "GET /2", "GET /3", "GET /4"];
    await expectExchange(app, { send, statuses: [200, 200, 200, 200], end: "open", ran });
  });

  test("a slow one", async () => {
    const send = get("/slow", ...websocket) + get("/2");
    await expectExchange(app, { send, statuses: [200, 200], end: "open", ran: ["GET /slow", "GET /2"] });
  });

  test("behind a slow request", async () => {
    const send = get("/slow") + get("/w", ...websocket) + get("/2");
    await expectExchange(app, { send, statuses: [200, 200, 200], end: "open", ran: ["GET /slow", "GET /w", "GET /2"] });
  });

  test.each([
    ["websocket", websocket],
    ["h2c", ["Connection: Upgrade", "Upgrade: h2c"]],
  ])("%s with Connection: close in the list", async (_name, lines) => {
    const send = get("/w", ...lines, "Connection: close") + smuggled;
    await expectExchange(app, { send, statuses: [200], end: "gone", ran: ["GET /w"] });
  });

  test.each([
    ["Content-Length", ["Content-Length: 5"], "hello"],
    ["chunks", [chunked], "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"],
  ])("a POST to h2c with a body by %s has its body", async (_name, lines, body) => {
    const send = postLines("/w", ["Connection: Upgrade", "Upgrade: h2c", ...lines], body) + get("/2");
    const { responses } = await expectExchange(
      app,
      endsAfterUpgradeBody
        ? { send, statuses: [200], end: "gone", ran: ["POST /w"] }
        : { send, statuses: [200, 200], end: "open", ran: ["POST /w", "GET /2"] },
    );
    expect(echoOf(responses[0]).bodyHex).toBe(Buffer.from("hello").toString("hex"));
  });

  test("a POST to h2c whose body comes later", async () => {
    const send = [
      postLines("/w", ["Connection: Upgrade", "Upgrade: h2c", "Content-Length: 5"], "he"),
      `llo${get("/2")}`,
    ];
    await expectExchange(
      app,
      endsAfterUpgradeBody
        ? { send, statuses: [200], end: "gone", ran: ["POST /w"] }
        : { send, statuses: [200, 200], end: "open", ran: ["POST /w", "GET /2"] },
    );
  });

  test("a POST to h2c that expects 100", async () => {
    const lines = ["Connection: Upgrade", "Upgrade: h2c", "Content-Length: 5", "Expect: 100-continue"];
    const client = await RawClient.connect(app.server);
    await client.send(postLines("/w", lines, ""));
    expect((await client.readAny(1)).map((response) => response.status)).toEqual([100]);
    await client.send("hello");
    expect(echoOf((await client.read(1)).at(-1)).bodyLen).toBe(5);
  });

  test("9110 7.8: HTTP/1.0 cannot upgrade", async () => {
    const send = `GET /w HTTP/1.0\r\n${websocket.join("\r\n")}\r\n\r\n${smuggled}`;
    await expectExchange(app, { send, statuses: [200], end: "gone", ran: ["GET /w"] });
  });

  test.each([
    ["chunks to come", "Transfer-Encoding: chunked\r\n", ""],
    ["chunks", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"],
    ["a length", "Content-Length: 5\r\n", "hello"],
  ])("9110 9.3.6: a CONNECT with %s is refused, once", async (_name, line, body) => {
    const client = await RawClient.connect(app.server);
    await client.send(`CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n${line}\r\n${body}`);
    // From Node 25 on the body may belong to a stream of Node's own, and the connection just ends.
    const responses = await client.end();
    expect(responses.every((response) => response.status === 400)).toBe(true);
    expect(app.server.node.listening).toBe(true);
  });

  test("a POST to h2c over maxBody: 413", async () => {
    const lines = ["Connection: Upgrade", "Upgrade: h2c", "Content-Length: 8388609"];
    await expectExchange(app, {
      send: postLines("/w", lines, "hello") + smuggled,
      statuses: [413],
      end: "gone",
      ran: [],
    });
  });

  test("the next request's error response is given", async () => {
    const send = `${get("/w", ...websocket)}BREW / HTTP/1.1\r\nHost: h\r\n\r\n`;
    await expectExchange(app, { send, statuses: [200, 501], end: "eof", ran: ["GET /w"] });
  });
});

test("an upgrade is declined with more content than the socket takes at once", async () => {
  const { client, request } = await askOn(await startServer(), get("/w", "Connection: Upgrade", "Upgrade: websocket"));
  const chunk = "x".repeat(1_000_000);
  await request.respond(200, pieces(...Array<string>(10).fill(chunk)));
  expect((await client.read(1))[0]?.body.length).toBe(10_000_000);
});

describe("a header that cannot be sent, in the response to an upgrade", () => {
  const bad = { "x-name": "\u0101" };

  test.each([101, 400])(
    "%d: an error that names the request, and another response is still possible",
    async (status) => {
      const { client, request } = await askOn(
        await startServer(),
        get("/w", "Connection: Upgrade", "Upgrade: websocket"),
      );
      const error = await rejectionOf(request.respond(status, "", bad));
      expect(error).toMatchObject({ code: "ERR_INVALID_HEADER", message: expect.stringContaining("GET /w") as string });
      await request.respond(404, "no");
      expect((await client.read(1))[0]).toMatchObject({ status: 404 });
    },
  );

  test("of a handler: 500", async () => {
    const onError = jest.fn();
    const server = await startServer({ onError });
    void server.serve((request) => request.respond(400, "", bad));
    const client = await RawClient.connect(server);
    await client.send(get("/w", "Connection: Upgrade", "Upgrade: websocket"));
    expect((await client.read(1))[0]).toMatchObject({ status: 500 });
    expect(onError).toHaveBeenCalledTimes(1);
  });
});
