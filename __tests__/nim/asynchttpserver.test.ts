import { once } from "node:events";
import { setTimeout as sleepAsync } from "node:timers/promises";
import { Http200, Http404, newHttpHeaders, type HttpHeaders, type Request } from "../../lib/index";
import { RawClient } from "../helpers/raw-client";
import { makeServer, rejectionOf, startServing } from "../helpers/servers";

// Nim's own tests and documentation of the module, each over a real socket. The sources are files of nim-lang/Nim.

describe("tests/stdlib/tasynchttpserver.nim", () => {
  interface Row {
    readonly name: string;
    readonly code: number;
    readonly content: string;
    readonly headers?: () => HttpHeaders;
    readonly body: string;
    readonly length: string;
  }

  const customLength = (): HttpHeaders => {
    const headers = newHttpHeaders();
    headers.set("Content-Length", "0");
    return headers;
  };

  test.each<Row>([
    { name: "test200", code: Http200, content: "Hello World, 200", body: "Hello World, 200", length: "16" },
    { name: "test404", code: Http404, content: "Hello World, 404", body: "Hello World, 404", length: "16" },
    {
      name: "testCustomEmptyHeaders",
      code: Http200,
      content: "Hello World, 200",
      headers: newHttpHeaders,
      body: "Hello World, 200",
      length: "16",
    },
    {
      name: "testCustomContentLength",
      code: Http200,
      content: "Hello World, 200",
      headers: customLength,
      body: "",
      length: "0",
    },
  ])("$name", async ({ code, content, headers, body, length }) => {
    const server = await startServing((request) => request.respond(code, content, headers?.()));
    const response = await fetch(server.url);
    // As there: the server is closed between the head and the reading of the body.
    await server.close();
    expect(response.status).toBe(code);
    expect(response.headers.has("Content-Length")).toBe(true);
    expect(response.headers.get("Content-Length")).toBe(length);
    expect(await response.text()).toBe(body);
  });
});

describe("tests/stdlib/tasynchttpserver_transferencoding.nim", () => {
  const postBegin = [
    "POST / HTTP/1.1",
    "Host: 127.0.0.1:64123",
    "Accept: */*",
    "Transfer-Encoding:chunked",
    "Content-Type: application/x-www-form-urlencoded",
    "\r\n",
  ].join("\r\n");

  test.each<[name: string, chunks: string, expected: string]>([
    ["testSimpleHelloWorld", "b\r\nhello=world\r\n0\r\n\r\n", "hello=world"],
    ["testSimpleEncoding", "e\r\nhello=encoding\r\n0\r\n\r\n", "hello=encoding"],
    ["testSimpleChunks", "7\r\nMozilla\r\n9\r\nDeveloper\r\n7\r\nNetwork\r\n0\r\n\r\n", "MozillaDeveloperNetwork"],
    [
      "testComplexChunks",
      "4\r\nWiki\r\n6\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\n\r\n",
      "Wikipedia in \r\n\r\nchunks.",
    ],
  ])("%s", async (_name, chunks, expected) => {
    const seen: Request[] = [];
    const server = await startServing(async (request) => {
      seen.push(request);
      await request.respond(Http200, "Good");
    });
    const client = await RawClient.connect(server);
    await client.send(postBegin + chunks);
    expect((await client.read(1))[0]?.body.toString()).toBe("Good");
    const [request] = seen;
    expect(request?.body).toBe(expected);
    expect(request?.headers.hasKey("Transfer-Encoding")).toBe(true);
    expect(request?.headers.hasKey("Content-Length")).toBe(false);
  });
});

describe("lib/pure/asynchttpserver.nim, the documentation's examples", () => {
  test("the module: Hello World in an explicit loop", async () => {
    const seen: string[] = [];
    const server = makeServer();

    async function main(): Promise<void> {
      async function cb(req: Request): Promise<void> {
        seen.push(`${req.reqMethod} ${req.url} ${req.headers.get("accept-language")}`);
        const headers = { "Content-type": "text/plain; charset=utf-8" };
        await req.respond(Http200, "Hello World", newHttpHeaders(headers));
      }

      await server.listen(0);
      while (true) {
        if (server.shouldAcceptRequest()) await server.acceptRequest(cb);
        else await sleepAsync(500);
      }
    }

    const running = rejectionOf(main());
    await once(server.node, "listening");
    const response = await fetch(`http://127.0.0.1:${server.getPort()}/?q`, { headers: { "Accept-Language": "nim" } });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/plain; charset=utf-8"]);
    expect(await response.text()).toBe("Hello World");
    expect(seen).toEqual(["GET /?q nim"]);
    await server.close();
    expect(await running).toMatchObject({ code: "ERR_SERVER_CLOSED" });
  });

  test("the module, before 1.4: the caller's Date goes out as given", async () => {
    const headers = { Date: "Tue, 29 Apr 2014 23:40:08 GMT", "Content-type": "text/plain; charset=utf-8" };
    const server = await startServing((req) => req.respond(Http200, "Hello World", newHttpHeaders(headers)));
    const client = await RawClient.connect(server);
    await client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    const [response] = await client.read(1);
    expect(response?.headers.filter(([name]) => name.toLowerCase() === "date")).toEqual([["date", headers.Date]]);
  });

  test("getPort: the port that was chosen", async () => {
    const server = makeServer();
    await server.listen(0);
    expect(server.getPort()).toBeGreaterThan(0);
    await server.close();
  });

  test("respond: JSON for one path, 404 for the rest", async () => {
    async function handler(req: Request): Promise<void> {
      if (req.url.path === "/hello-world") {
        const msg = { message: "Hello World" };
        const headers = newHttpHeaders([["Content-Type", "application/json"]]);
        await req.respond(Http200, JSON.stringify(msg), headers);
      } else {
        await req.respond(Http404, "Not Found");
      }
    }

    const server = await startServing(handler);
    const hello = await fetch(`${server.url}/hello-world`);
    expect([hello.status, hello.headers.get("content-type")]).toEqual([200, "application/json"]);
    expect(await hello.json()).toEqual({ message: "Hello World" });
    const other = await fetch(`${server.url}/other`);
    expect([other.status, await other.text()]).toEqual([404, "Not Found"]);
  });
});
