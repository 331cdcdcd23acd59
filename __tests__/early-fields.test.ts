import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { inspect, types } from "node:util";
import { RawClient } from "./helpers/raw-client";
import { startServer } from "./helpers/servers";

const lines = ["Host: h", "X-One: a", "X-One: b", "Set-Cookie: c=1", "Set-Cookie: d=2"];
const fields = { host: "h", "x-one": "a, b", "set-cookie": ["c=1", "d=2"] };
const withExpect = [...lines, "Expect: 100-Continue"];

type Look = (headers: IncomingHttpHeaders) => unknown;

/** What somebody sees in `raw.headers` who looks before the library does. */
async function seenEarly(look: Look, sent = lines): Promise<{ early: unknown; raw: IncomingMessage }> {
  const server = await startServer();
  let early: unknown;
  const peek = (raw: IncomingMessage): void => void (early = look(raw.headers));
  for (const event of ["request", "checkContinue"]) server.node.prependListener(event, peek);
  const client = await RawClient.connect(server);
  await client.send(`GET / HTTP/1.1\r\n${sent.join("\r\n")}\r\n\r\n`);
  const { raw } = await server.acceptRequest();
  return { early, raw };
}

test.each<[what: string, look: Look, seen: unknown]>([
  ["one field", (headers) => headers["x-one"], "a, b"],
  ["a field that is not there", (headers) => headers["x-two"], undefined],
  ["an Expect that is not there", (headers) => headers.expect, undefined],
  ["in", (headers) => ["host" in headers, "via" in headers], [true, false]],
  ["keys", (headers) => Object.keys(headers), Object.keys(fields)],
  ["a copy", (headers) => ({ ...headers }), fields],
  ["JSON", (headers) => JSON.stringify(headers), JSON.stringify(fields)],
  ["what console.log shows", (headers) => inspect(headers), inspect(fields)],
  ["what console.log of something around them shows", (headers) => inspect({ headers }), inspect({ headers: fields })],
  ["their own properties", (headers) => Object.hasOwn(headers, "host"), true],
  ["their prototype", (headers) => Object.getPrototypeOf(headers) as unknown, Object.prototype],
])("whoever looks at the header fields before this library does sees them all: %s", async (_, look, seen) => {
  expect((await seenEarly(look)).early).toEqual(seen);
});

test("so does whoever looks for an Expect that is there", async () => {
  const { early, raw } = await seenEarly((headers) => headers.expect, withExpect);
  expect(early).toBe("100-Continue");
  expect(raw.headers).toEqual({ ...fields, expect: "100-Continue" });
});

test("what is changed that early stays changed", async () => {
  const { raw } = await seenEarly((headers) => {
    headers["x-trace"] = "1";
    headers["host"] = "other";
    delete headers["set-cookie"];
  });
  expect(raw.headers).toEqual({ host: "other", "x-one": "a, b", "x-trace": "1" });
});

test("a tracer on Node's diagnostics channel sees them all", async () => {
  const seen: unknown[] = [];
  const trace = (message: unknown): void => void seen.push({ ...(message as { request: IncomingMessage }).request.headers });
  const server = await startServer();
  subscribe("http.server.request.start", trace);
  try {
    const client = await RawClient.connect(server);
    await client.send(`GET / HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    await server.acceptRequest();
  } finally {
    unsubscribe("http.server.request.start", trace);
  }
  expect(seen).toEqual([fields]);
});

test("once it is handed on, a request has Node's own object, always the same", async () => {
  const { raw } = await seenEarly(() => undefined);
  expect(raw.headers).toEqual(fields);
  expect(raw.headers).toBe(raw.headers);
  expect(types.isProxy(raw.headers)).toBe(false);
});
