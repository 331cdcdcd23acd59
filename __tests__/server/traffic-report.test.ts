import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { once } from "node:events";
import { stripVTControlCharacters } from "node:util";
import { testCertificate } from "../../lib/testing/index";
import { Program } from "../helpers/docs-program";
import { Project } from "../helpers/docs-project";
import type { AsyncHttpServer } from "../../lib/index";
import { get, post, rejectionOf, send, settle, startServer, startServing } from "../helpers/servers";

jest.setTimeout(20_000);

/** What the error of a wait says beneath its first line. */
async function report(server: AsyncHttpServer): Promise<string[]> {
  const { message } = await rejectionOf(server.acceptRequest({ timeout: 1, where: () => false }));
  return message.split("\n").slice(1);
}

describe("what the server itself refused", () => {
  test.each<[bytes: string, line: string]>([
    ["patch /x HTTP/1.1\r\nHost: h\r\n\r\n", "patch /x HTTP/1.1: refused with 501 Not Implemented"],
    ["GET /x HTTP/1.1\r\n\r\n", "GET /x: refused with 400 Bad Request"],
    ["GET /x HTTP/9.9\r\nHost: h\r\n\r\n", "GET /x HTTP/9.9: refused with 505 HTTP Version Not Supported"],
    [
      `GET /x HTTP/1.1\r\nHost: h\r\nX: ${"x".repeat(20_000)}\r\n\r\n`,
      "GET /x HTTP/1.1: refused with 431 Request Header Fields Too Large",
    ],
    [post("/x", "12345", 9_000_000), "POST /x: refused with 413 Request Entity Too Large"],
    ["\u0001\u0002\u0003\r\n\r\n", "bytes that are not HTTP: refused with 400 Bad Request"],
  ])("%p", async (bytes, line) => {
    const server = await startServer();
    await (await send(server, bytes)).end();
    expect(await report(server)).toEqual(["What came so far:", `  ${line}`]);
  });

  test("TLS spoken to a port of plain HTTP", async () => {
    const server = await startServer();
    const client = connectTls({ port: server.getPort(), host: "127.0.0.1" });
    await once(client, "error");
    client.destroy();
    expect(await report(server)).toEqual([
      "What came so far:",
      "  a TLS handshake, but this server speaks plain HTTP: the client's URL has to start with http://",
    ]);
  });

  test("plain HTTP spoken to a port of HTTPS", async () => {
    const server = await startServer({ tls: testCertificate });
    const client = connect(server.getPort(), "127.0.0.1").on("error", () => {});
    const told = once(server.node, "tlsClientError");
    client.write(get());
    await told;
    client.destroy();
    expect(await report(server)).toEqual([
      "What came so far:",
      "  plain HTTP, but this server speaks HTTPS: the client's URL has to start with https://",
    ]);
  });

  test.each([
    ["that fails", {}, /^  a TLS handshake that failed: no [a-z ]+$/],
    [
      "of a client that does not trust the certificate",
      testCertificate,
      /^  .* broke off: does it trust the certificate\?$/,
    ],
  ])("a TLS handshake %s", async (_which, tls, line) => {
    const server = await startServer({ tls });
    const told = once(server.node, "tlsClientError");
    const client = connectTls({ port: server.getPort(), host: "127.0.0.1" }).on("error", () => {});
    await told;
    client.destroy();
    expect(await report(server)).toEqual(["What came so far:", expect.stringMatching(line)]);
  });

  test("the same status from a handler and from the server", async () => {
    const server = await startServer({ maxBody: 1 });
    void server.serve((request) => request.respond(413));
    await (await send(server, get("/up"))).read(1);
    await (await send(server, post("/up", "12").replace("POST", "GET"))).end();
    expect(await report(server)).toEqual([
      "What came so far:",
      "  GET /up: answered with 413",
      "  GET /up: refused with 413 Request Entity Too Large",
    ]);
  });
});

describe("clients without a request", () => {
  test("that are there", async () => {
    const server = await startServer();
    await send(server, "GET / HTT");
    await settle(server);
    // The client that `settle` makes was refused, which is something that came.
    expect(await report(server)).toEqual([
      "What came so far:",
      "  bytes that are not HTTP: refused with 400 Bad Request",
    ]);
    const other = await startServer();
    const arrived = once(other.node, "connection");
    await send(other, "");
    await arrived;
    expect(await report(other)).toEqual(["1 client is connected, but sent no complete head of a request."]);
  });

  test("that have left", async () => {
    const server = await startServer();
    const arrived = once(server.node, "connection");
    const client = await send(server, "");
    const [socket] = await arrived;
    client.destroy();
    await once(socket as NodeJS.EventEmitter, "close");
    expect(await report(server)).toEqual(["A client has connected, and disconnected without a request."]);
  });
});

describe("a poller", () => {
  test("is one line, and hides nothing else", async () => {
    const server = await startServing((request) => request.respond(request.url.path === "/order" ? 404 : 200));
    await fetch(`${server.url}/order`, { method: "POST" });
    for (let i = 0; i < 100; i++) {
      await fetch(`${server.url}/poll`);
      await fetch(`${server.url}/health`);
    }
    expect(await report(server)).toEqual([
      "What came so far:",
      "  POST /order: answered with 404",
      "  GET /poll: answered with 200 (100 times)",
      "  GET /health: answered with 200 (100 times)",
    ]);
  });

  test("that never asks the same twice is bounded", async () => {
    const server = await startServing((request) => request.respond(200));
    for (let i = 0; i < 100; i++) await fetch(`${server.url}/poll?${i}`);
    const lines = await report(server);
    expect(lines.slice(0, 3)).toEqual(["What came so far:", "  and 80 earlier", "  GET /poll?80: answered with 200"]);
    expect(lines).toHaveLength(22);
  });
});

test("a long request line is cut", async () => {
  const server = await startServing((request) => request.respond(200));
  await fetch(`${server.url}/${"x".repeat(200)}`);
  expect((await report(server))[1]).toBe(`  GET /${"x".repeat(95)}…: answered with 200`);
});

test("NODE_DEBUG=asynchttpserver prints a line for each request and its response, and nothing else does", async () => {
  const project = new Project();
  try {
    const path = project.write(
      "program.js",
      `const { newAsyncHttpServer } = require("asynchttpserver");
       const server = newAsyncHttpServer();
       server.listen(0).then(async () => {
         void server.serve((request) => request.respond(404));
         await fetch(server.url + "/a?b=c", { method: "PUT", body: "1" });
         await server.close();
       });`,
    );
    await using loud = new Program(path, [], { NODE_DEBUG: "asynchttpserver" });
    await loud.ended;
    expect(
      stripVTControlCharacters(loud.stderr)
        .replaceAll(/^ASYNCHTTPSERVER \d+: /gm, "")
        .split("\n"),
    ).toEqual(["PUT /a?b=c from 127.0.0.1", "PUT /a?b=c: 404", ""]);
    await using quiet = new Program(path, [], { NODE_DEBUG: "" });
    await quiet.ended;
    expect(quiet.stderr).not.toMatch(/asynchttpserver|PUT/i);
  } finally {
    project.remove();
  }
});

test.each<[behind: string, bytes: string, first: string]>([
  ["one that was refused", "GET /1 HTTP/1.1\r\n\r\n", "GET /1: refused with 400 Bad Request"],
  ["a response that the handler makes the last", get("/last"), "GET /last: answered with 200"],
])("requests behind %s are told of", async (_, bytes, first) => {
  const server = await startServing((request) => request.respond(200, "", { Connection: "close" }));
  await (await send(server, bytes + get("/2") + get("/2"))).end();
  const [, ...lines] = await report(server);
  expect(lines).toHaveLength(2);
  expect(lines).toContain(`  ${first}`);
  expect(lines.join("\n")).toMatch(
    /^ {2}GET \/2: dropped, since the response before it was the last on its connection/m,
  );
});
