import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { PerformanceObserver, type PerformanceEntry } from "node:perf_hooks";
import { Http200, type AsyncHttpServer } from "../../lib/index";
import { nodeMajor } from "../helpers/node-version";
import { RawClient } from "../helpers/raw-client";
import { startServer, startServing } from "../helpers/servers";

const lines = ["Host: h", "X-One: a", "X-One: b", "Set-Cookie: c=1", "Set-Cookie: d=2"];
const fields = { host: "h", "x-one": "a, b", "set-cookie": ["c=1", "d=2"] };

/** Sends one request, and waits until it is accepted. */
async function sendOne(server: AsyncHttpServer, sent = lines): Promise<IncomingMessage> {
  const client = await RawClient.connect(server);
  await client.send(`GET / HTTP/1.1\r\n${sent.join("\r\n")}\r\n\r\n`);
  return (await server.acceptRequest()).raw;
}

test("a tracer that wraps emit writes to the object that a handler finds", async () => {
  const server = await startServer();
  const emit = server.node.emit as (event: string, ...given: unknown[]) => boolean;
  const seen: IncomingHttpHeaders[] = [];
  server.node.emit = function (this: unknown, event: string, ...given: unknown[]): boolean {
    if (event === "request") {
      const { headers } = given[0] as IncomingMessage;
      seen.push({ ...headers });
      headers["x-trace"] = "1";
    }
    return emit.call(this, event, ...given);
  };
  const raw = await sendOne(server);
  expect(seen).toEqual([fields]);
  expect(raw.headers).toEqual({ ...fields, "x-trace": "1" });
});

test("a listener that comes before this library finds Node's own object", async () => {
  const server = await startServer();
  let early: IncomingHttpHeaders | undefined;
  server.node.prependListener("request", (raw) => {
    early = raw.headers;
    early["x-trace"] = "1";
  });
  const raw = await sendOne(server);
  expect(early).toEqual({ ...fields, "x-trace": "1" });
  expect(raw.headers).toBe(early);
});

test.each([true, false])(
  "an Expect is seen by Node, and by a listener that comes before this library: %p",
  async (early) => {
    const server = await startServer();
    const seen: unknown[] = [];
    if (early) server.node.prependListener("checkContinue", (raw) => seen.push(raw.headers.expect));
    const raw = await sendOne(server, [...lines, "exPect: 100-Continue"]);
    expect(raw.headers).toEqual({ ...fields, expect: "100-Continue" });
    expect(seen).toEqual(early ? ["100-Continue"] : []);
  },
);

test("a tracer on Node's diagnostics channel finds Node's own object", async () => {
  const seen: IncomingHttpHeaders[] = [];
  const trace = (message: unknown): void => void seen.push((message as { request: IncomingMessage }).request.headers);
  const server = await startServer();
  subscribe("http.server.request.start", trace);
  const raw = await sendOne(server).finally(() => unsubscribe("http.server.request.start", trace));
  expect(seen).toEqual([fields]);
  expect(seen[0]).toBe(raw.headers);
});

test("a performance observer finds Node's own object", async () => {
  const entries: PerformanceEntry[] = [];
  const observer = new PerformanceObserver((list) => entries.push(...list.getEntries()));
  observer.observe({ entryTypes: ["http"] });
  const server = await startServing((request) => request.respond(Http200));
  await (await fetch(server.url, { headers: { "X-One": "a" } })).text();
  while (entries.length === 0) await new Promise((resolve) => setImmediate(resolve));
  observer.disconnect();
  const { detail } = entries[0] as { detail?: unknown };
  const { req } = detail as { req: { headers: IncomingHttpHeaders } };
  expect(req.headers).toMatchObject({ "x-one": "a" });
});

test("a listener for the requests that Node drops finds Node's own object", async () => {
  const server = await startServing((request) => request.respond(Http200));
  server.node.maxRequestsPerSocket = 1;
  const dropped = once(server.node, "dropRequest") as Promise<[IncomingMessage]>;
  // Emitted before Node itself looks for an `Expect`.
  const seen = dropped.then(([raw]) => raw.headers);
  const client = await RawClient.connect(server);
  const request = `GET / HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
  await client.send(request + request);
  expect(await seen).toEqual(fields);
});

test("Node's own check for a Host, if it is told to have one, finds it", async () => {
  const server = await startServer();
  Object.assign(server.node, { requireHostHeader: true });
  expect((await sendOne(server)).headers).toEqual(fields);
});

test("a tracer that listens to the response finds Node's own object", async () => {
  const name = "http.server.response.created";
  const seen: IncomingHttpHeaders[] = [];
  const trace = (message: unknown): void => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
    response.on("socket", () => seen.push(request.headers));
  };
  const server = await startServer();
  subscribe(name, trace);
  const raw = await sendOne(server).finally(() => unsubscribe(name, trace));
  // Node 20 has no such channel.
  expect(seen).toEqual(nodeMajor < 22 ? [] : [raw.headers]);
});

test("an upgrade request, at which Node does not look, has Node's own object", async () => {
  const raw = await sendOne(await startServer(), [...lines, "Connection: Upgrade", "Upgrade: echo"]);
  expect(raw.headers).toEqual({ ...fields, connection: "Upgrade", upgrade: "echo" });
});

test("once it is handed on, a request has Node's own object, always the same", async () => {
  const raw = await sendOne(await startServer());
  expect(raw.headers).toEqual(fields);
  expect(raw.headers).toBe(raw.headers);
});

test("a listener that reads no bodies, such as an access log, holds none back", async () => {
  const server = await startServing((request) => request.respond(Http200, String(request.rawBody.length)));
  server.node.prependListener("request", (_raw, response) => void response.once("finish", () => {}));
  const reply = await fetch(server.url, { method: "POST", body: "x".repeat(1_000_000) });
  expect(await reply.text()).toBe("1000000");
});
