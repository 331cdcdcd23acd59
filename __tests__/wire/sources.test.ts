import { once } from "node:events";
import { Readable } from "node:stream";
import type { Content, HttpCode, Request } from "../../lib/index";
import { delayed, throttled } from "../../lib/testing/faults";
import { makeSource, openDescriptors, sourceKinds, wrappers, type Given } from "../helpers/sources";
import { askOn, disconnected, get, rejectionOf, startServer, startServing, type Asked } from "../helpers/servers";

// Whatever becomes of a response: a source that was handed over is let go of, once, and its errors end no process.

interface Situation {
  /** What the client sends, and its method where that is not GET. */
  readonly bytes?: string;
  readonly method?: string;
  /** Does nothing of the content go out, so that it may be endless? */
  readonly endless?: true;
  play(asked: Asked, content: () => Content): Promise<unknown>;
}

const head = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
const connect = "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n";

function rejected(response: Promise<void>, code: string): Promise<void> {
  return expect(response).rejects.toMatchObject({ code });
}

/** Whether a response is whole or cut is the matter of other tests. */
function whatever(response: Promise<void>): Promise<unknown> {
  return response.catch(() => undefined);
}

const unsent: Readonly<Record<string, Situation>> = {
  HEAD: { bytes: head, method: "HEAD", play: ({ request }, content) => request.respond(200, content()) },
  "HEAD with a Content-Length": {
    bytes: head,
    method: "HEAD",
    play: ({ request }, content) => request.respond(200, content(), { "Content-Length": "14" }),
  },
  "HEAD, behind sendHeaders": {
    bytes: head,
    method: "HEAD",
    async play({ request }, content) {
      await request.sendHeaders({});
      await request.respond(200, content());
    },
  },
  ...Object.fromEntries(
    ([204, 205, 304] as const).map((code) => [
      String(code),
      { play: ({ request }, content) => request.respond(code, content()) },
    ]) satisfies Array<[string, Situation]>,
  ),
  ...Object.fromEntries(
    ([100, 102, 103] as const).map((code) => [
      String(code),
      { play: ({ request }, content) => request.respond(code, content()) },
    ]) satisfies Array<[string, Situation]>,
  ),
  "103 to HTTP/1.0": {
    bytes: "GET / HTTP/1.0\r\n\r\n",
    play: ({ request }, content) => request.respond(103, content()),
  },
  "101 to an upgrade request": {
    bytes: get("/", "Connection: upgrade", "Upgrade: x"),
    play: ({ request }, content) => request.respond(101, content(), { Connection: "upgrade", Upgrade: "x" }),
  },
  "101 to any other request": { play: ({ request }, content) => request.respond(101, content()) },
  "200 to CONNECT": {
    bytes: connect,
    method: "CONNECT",
    play: ({ request }, content) => request.respond(200, content()),
  },
  "a header that is refused": {
    play: ({ request }, content) =>
      rejected(request.respond(200, content(), { "x-a": "a\r\nb: c" }), "ERR_INVALID_HEADER"),
  },
  "a status that is refused": {
    play: ({ request }, content) => rejected(request.respond(99, content()), "ERR_INVALID_STATUS"),
  },
  "a status of another type": {
    play: ({ request }, content) =>
      rejected(request.respond("200" as unknown as HttpCode, content()), "ERR_INVALID_STATUS"),
  },
  "a second response": {
    async play({ request }, content) {
      await request.respond(200, "first");
      await rejected(request.respond(200, content()), "ERR_ALREADY_ANSWERED");
    },
  },
  "a second response, beside the first": {
    async play({ request }, content) {
      const first = request.respond(200, "first");
      await rejected(request.respond(200, content()), "ERR_ALREADY_ANSWERED");
      await first;
    },
  },
  "an interim response behind the final one": {
    async play({ request }, content) {
      await request.respond(200, "first");
      await rejected(request.respond(103, content()), "ERR_ALREADY_ANSWERED");
    },
  },
  "another status than sendHeaders had": {
    async play({ request }, content) {
      await request.sendHeaders({});
      await rejected(request.respond(404, content()), "ERR_ALREADY_ANSWERED");
    },
  },
  "a client that reset before": {
    async play({ client, request }, content) {
      const gone = disconnected(request.client);
      client.reset();
      await gone;
      await request.respond(200, content());
    },
  },
  "a server that was closed before": {
    async play({ server, request }, content) {
      await server.close();
      await request.respond(200, content());
    },
  },
  "a response of another listener": {
    async play({ server, request }, content) {
      // Node's response is known to its listeners only.
      const other = once(server.node, "request") as Promise<[unknown, { end(text: string): void }]>;
      const second = await askOn(server);
      (await other)[1].end("theirs");
      await second.client.read(1);
      await rejected(second.request.respond(200, content()), "ERR_ALREADY_ANSWERED");
      await request.respond(200);
    },
  },
};

const sent: Readonly<Record<string, Situation>> = {
  "a whole response": { play: ({ request }, content) => whatever(request.respond(200, content())) },
  "a whole response to HTTP/1.0": {
    bytes: "GET / HTTP/1.0\r\n\r\n",
    play: ({ request }, content) => whatever(request.respond(200, content())),
  },
  "behind sendHeaders": {
    async play({ request }, content) {
      await request.sendHeaders({});
      await whatever(request.respond(200, content()));
    },
  },
  "more content than the Content-Length": {
    endless: true,
    play: ({ request }, content) => whatever(request.respond(200, content(), { "Content-Length": "7" })),
  },
  "a client that resets in the middle": {
    endless: true,
    async play({ client, request }, content) {
      const response = whatever(request.respond(200, content()));
      client.socket.once("data", () => client.reset());
      await response;
    },
  },
  "a client that resets before the first piece": {
    endless: true,
    async play({ client, request }, content) {
      const response = whatever(request.respond(200, content()));
      client.reset();
      await response;
    },
  },
  "a server that closes in the middle": {
    endless: true,
    async play({ client, server, request }, content) {
      const response = whatever(request.respond(200, content()));
      await new Promise((resolve) => client.socket.once("data", resolve));
      await server.close();
      await response;
    },
  },
};

async function play(situation: Situation, kind: string, wrap: string): Promise<void> {
  const server = await startServer({ onError: () => undefined });
  const asked = await askOn(server, situation.bytes, ...(situation.method === undefined ? [] : [situation.method]));
  let given: Given | undefined;
  await situation.play(asked, () => {
    given = makeSource(kind, situation.endless === true ? "endless" : "short");
    return wrappers[wrap]!(given.content, asked.request);
  });
  if (given === undefined) throw new Error("the situation has made no source");
  await given.letGo;
  // For whoever would let go of it again.
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect({ times: given.times(), descriptors: openDescriptors() }).toEqual({ times: 1, descriptors: 0 });
}

describe.each(Object.keys(wrappers))("a source, %s, is let go of once", (wrap) => {
  describe.each(Object.entries({ ...unsent, ...sent }))("%s", (_name, situation) => {
    test.each(sourceKinds)("%s", (kind) => play(situation, kind, wrap));
  });
});

describe("what waits is let go of at once", () => {
  const waiting: ReadonlyArray<[name: string, wrap: (content: Content) => Content]> = [
    ["delayed by a day", (content) => delayed(content, 86_400_000)],
    ["throttled to a byte per second", (content) => throttled(content, 1)],
    ["throttled inside delayed", (content) => delayed(throttled(content, 1), 86_400_000)],
  ];
  const rows = waiting.flatMap(([name, wrap]) =>
    ["a file", "a generator", "an iterator", "a web stream"].map((kind) => ({ name, wrap, kind })),
  );

  test.each(rows)("$kind, $name, when the client resets", async ({ wrap, kind }) => {
    const { client, request } = await askOn(await startServer());
    const given = makeSource(kind, "endless");
    const response = request.respond(200, wrap(given.content));
    await new Promise((resolve) => client.socket.once("data", resolve));
    client.reset();
    await response;
    await given.letGo;
    expect({ times: given.times(), descriptors: openDescriptors() }).toEqual({ times: 1, descriptors: 0 });
  });
});

describe("a handler that throws behind a respond that it did not await", () => {
  test.each(sourceKinds)("%s: let go of, and the client gets no whole 200", async (kind) => {
    const thrown = new Error("in the handler");
    const errors: unknown[] = [];
    let given!: Given;
    const server = await startServing(
      (request) => {
        given = makeSource(kind, "endless");
        void request.respond(200, given.content);
        throw thrown;
      },
      { onError: (error) => errors.push(error) },
    );
    const response = await fetch(server.url);
    expect(response.status).toBe(500);
    await given.letGo;
    expect(errors).toEqual([thrown]);
    expect({ times: given.times(), descriptors: openDescriptors() }).toEqual({ times: 1, descriptors: 0 });
  });
});

async function* yielding(...all: readonly unknown[]): AsyncGenerator<string> {
  yield* all as readonly string[];
}

test.each([
  ["first", yielding(5), [500]],
  ["second", yielding("a", 5), [200]],
  ["first, throttled", throttled(yielding(5), 1e9), [500]],
])(
  "a source whose %s piece is no text and no bytes: the error names it, the request and the caller",
  async (_, ...row) => {
    const [source, statuses] = row;
    const { client, request } = await askOn(await startServer(), get("/asked"));
    const error = await rejectionOf(request.respond(200, source));
    expect(error).toMatchObject({ name: "TypeError", code: "ERR_INVALID_ARGUMENT" });
    expect(error.message).toMatch(/got 5: .*\(in the response to GET \/asked\)$/);
    expect(error.stack).toMatch(/^TypeError: .*\(in the response to GET \/asked\)\n {4}at .*sources\.test\.ts/);
    expect((await client.end()).map(({ status, whole }) => [status, whole])).toEqual([
      [statuses[0], statuses[0] === 500],
    ]);
  },
);

test.each<[what: string, fail: (request: Request, thrown: Error) => Promise<void>]>([
  [
    "a source",
    (request, thrown) =>
      request.respond(
        200,
        new Readable({
          read() {
            this.destroy(thrown);
          },
        }),
      ),
  ],
  [
    "a header's getter",
    (request, thrown) =>
      request.respond(200, "", {
        get "x-a"(): string {
          throw thrown;
        },
      }),
  ],
])("an error that %s throws is the caller's own, and passes unchanged", async (_, fail) => {
  const { client, request } = await askOn(await startServer());
  const thrown = Object.assign(new Error("in it"), { code: "E_OWN" });
  const { stack } = thrown;
  expect(await rejectionOf(fail(request, thrown))).toBe(thrown);
  expect([thrown.message, thrown.stack]).toEqual(["in it", stack]);
  client.destroy();
});

test("the head waits for the first piece, but only for a moment", async () => {
  const { client, request } = await askOn(await startServer());
  let end = (): void => undefined;
  const response = request.respond(
    200,
    (async function* () {
      await new Promise<void>((resolve) => (end = resolve));
      yield "late";
    })(),
    { "Content-Type": "text/event-stream" },
  );
  const [head] = (await once(client.socket, "data")) as [Buffer];
  expect(String(head)).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  end();
  await response;
  expect((await client.read(1))[0]?.body.toString()).toBe("late");
});

test("a client that resets before the first chunk: nothing was sent, and the status says so", async () => {
  const { server, client, request } = await askOn(await startServer());
  const waits = new Promise<never>(() => {});
  async function* slow(): AsyncGenerator<string> {
    yield await waits;
  }
  const responding = request.respond(200, slow());
  const gone = disconnected(request.client);
  client.reset();
  await Promise.all([gone, responding]);
  expect(request.status).toBe(0);
  const wait = await rejectionOf(server.acceptRequest({ timeout: 1 }));
  expect(wait.message).toContain("GET /: the client disconnected before the response");
});
