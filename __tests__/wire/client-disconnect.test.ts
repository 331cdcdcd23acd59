import type { Socket } from "node:net";
import { inspect } from "node:util";
import type { AsyncHttpServer, Request } from "../../lib/index";
import {
  breakResponse,
  breakRequest,
  failures,
  FaultApp,
  inMidResponse,
  inMidRequest,
  disconnections,
  statusOf,
} from "../helpers/faults";
import { deferred, get, startServer, startServing } from "../helpers/servers";
import { closed, dial, talk } from "../helpers/sockets";

// Each fault once; `soak/faults.soak.ts` plays them by the hundred.

let app: FaultApp;
let serving: Promise<void> | undefined;

beforeEach(async () => {
  app = new FaultApp();
  serving = undefined;
  await app.server.listen(0);
});

afterEach(async () => {
  app.released.resolve();
  await app.server.close();
  await serving;
});

function serve(): void {
  serving = app.server.serve(app.callback);
}

const hold = get("/hold");
const plain = get("/a");

const expecting = "POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi";
const upgrade = get("/a", "Connection: upgrade", "Upgrade: x");
const holdUpgrade = upgrade.replace("/a", "/hold");
const last = get("/a", "Connection: close");

/** Connects and sends, without reading. */
function dialAndSend(bytes: string): Promise<Socket> {
  return dial(app.server.getPort(), bytes);
}

function event(name: string): Promise<unknown> {
  return new Promise((resolve) => app.server.node.once(name, resolve));
}

describe.each(disconnections)("a client that %s", (_, disconnect) => {
  test.each(inMidRequest)("%s leaves nothing behind", async (_where, bytes) => {
    serve();
    await breakRequest(app, bytes, disconnect, true);
    await app.expectNothingLeft();
  });

  test.each(inMidResponse)("in the middle of %s leaves nothing behind", async (_what, bytes) => {
    serve();
    await breakResponse(app, bytes, disconnect);
    await app.expectNothingLeft();
  });

  test("while its request is queued takes it along", async () => {
    const socket = await dialAndSend(plain);
    await event("request");
    disconnect(socket);
    await app.quiet();
    serve();
    await app.expectNothingLeft();
    expect(app.ran).toBe(1);
  });

  test("while its body is waited for takes the request along, and the next one is accepted", async () => {
    const waiting = app.server.acceptRequest();
    const socket = await dialAndSend("POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nhalf");
    await event("request");
    disconnect(socket);
    await app.quiet();
    const response = talk(app.server.getPort(), plain, true);
    const request = await waiting;
    expect(request.url.path).toBe("/a");
    await request.respond(200, "for the other");
    expect(await response).toMatch(/for the other$/);
  });

  test("while the handler runs aborts its signal, and respond settles", async () => {
    serve();
    const socket = await dialAndSend(hold);
    await app.running.promise;
    disconnect(socket);
    await app.aborted.promise;
    app.released.resolve();
    await app.expectNothingLeft();
  });
});

test.each([
  ["behind a whole request", plain, /^HTTP\/1\.1 200 .*ok$/s],
  ["behind three requests", plain + plain + plain, /^(?:HTTP\/1\.1 200 (?:(?!HTTP).)*ok){3}$/s],
  ["behind a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy", /^HTTP\/1\.1 200 .*ok$/s],
  ["in a header field", "GET / HTTP/1.1\r\nHos", /^HTTP\/1\.1 400 /],
  ["in the body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nxy", /^HTTP\/1\.1 400 /],
  [
    "in the body of a request behind another",
    `${plain}POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nxy`,
    /^HTTP\/1\.1 200 .*okHTTP\/1\.1 400 /s,
  ],
  ["behind a request for an upgrade", upgrade, /^HTTP\/1\.1 200 .*ok$/s],
  ["behind a request for an upgrade and another", upgrade + plain, /^HTTP\/1\.1 200 .*okHTTP\/1\.1 200 .*ok$/s],
  ["before it has sent anything", "", /^$/],
])("a client that shuts its sending side %s gets its response, then the end", async (_, bytes, response) => {
  serve();
  expect(await talk(app.server.getPort(), bytes, true)).toMatch(response);
  await app.expectNothingLeft();
});

const responses = (count: number): RegExp =>
  new RegExp(`^(?:(?:HTTP/1\\.1 100 Continue\\r\\n\\r\\n)?HTTP/1\\.1 200 (?:(?!HTTP/).)*ok){${count}}$`, "s");

test.each([
  ["a plain request", hold, 1],
  ["a request with others behind it", hold + plain + plain, 3],
  ["a request with others behind it, one with Expect", hold + expecting + plain, 3],
  ["a request for an upgrade", holdUpgrade, 1],
  ["a request for an upgrade with another behind it", holdUpgrade + plain, 2],
  ["a request with one for an upgrade behind it, and another", hold + upgrade + plain, 3],
])(
  "a client that shuts its sending side while the handler of %s runs gets its response, then the end",
  async (_, bytes, count) => {
    serve();
    const response = talk(app.server.getPort(), bytes, true);
    await app.running.promise;
    // By then the server has the end, too, unless it holds the connection back.
    await statusOf(app.server.getPort());
    app.released.resolve();
    expect(await response).toMatch(responses(count));
    await app.expectNothingLeft();
  },
);

interface Moment {
  readonly when: string;
  readonly serve: boolean;
  /** Brings the server there. */
  readonly reach: () => Promise<unknown>;
}

const moments: readonly Moment[] = [
  { when: "nobody is connected", serve: true, reach: async () => undefined },
  { when: "a client has never asked", serve: true, reach: () => breakOff("") },
  { when: "a connection is kept", serve: true, reach: answered },
  { when: "half a head is there", serve: true, reach: () => breakOff("GET / HTTP/1.1\r\nHo") },
  {
    when: "half a body is there",
    serve: true,
    reach: () => breakOff("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nxy"),
  },
  {
    when: "a client waits for 100 Continue",
    serve: false,
    reach: () =>
      arrives("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n", "checkContinue"),
  },
  { when: "a request is queued", serve: false, reach: () => arrives(plain, "request") },
  {
    when: "a body is not read",
    serve: false,
    reach: () =>
      arrives(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\n${"x".repeat(300_000)}`, "request"),
  },
  { when: "a handler runs", serve: true, reach: () => runs(hold) },
  { when: "a handler runs and others are behind it", serve: true, reach: () => runs(hold + plain + plain) },
  { when: "a handler runs for an upgrade request", serve: true, reach: () => runs(holdUpgrade) },
  { when: "a handler runs and its client has shut its sending side", serve: true, reach: halfClosed },
  { when: "a stream is being sent", serve: true, reach: () => begun("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n") },
  { when: "a large response is not read", serve: true, reach: () => begun("GET /big HTTP/1.1\r\nHost: h\r\n\r\n") },
  {
    when: "a refused client is still sending",
    serve: true,
    reach: () => begun(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n${"x".repeat(300_000)}`),
  },
  { when: "a client has just been reset", serve: true, reach: reset },
];

function breakOff(bytes: string): Promise<unknown> {
  return dialAndSend(bytes).then(() => statusOf(app.server.getPort()));
}

async function answered(): Promise<void> {
  const socket = await dialAndSend(plain);
  await new Promise((resolve) => socket.once("data", resolve));
}

async function arrives(bytes: string, name: string): Promise<void> {
  await Promise.all([event(name), dialAndSend(bytes)]);
}

async function runs(bytes: string): Promise<void> {
  await Promise.all([app.running.promise, dialAndSend(bytes)]);
}

async function halfClosed(): Promise<void> {
  const ended = deferred();
  app.server.node.once("connection", (socket: Socket) => socket.once("end", ended.resolve));
  const socket = await dialAndSend(hold);
  await app.running.promise;
  socket.end();
  await ended.promise;
}

async function begun(bytes: string): Promise<void> {
  const socket = await dialAndSend(bytes);
  await new Promise((resolve) => socket.once("data", resolve));
  socket.pause();
}

async function reset(): Promise<void> {
  const socket = await dialAndSend(hold);
  await app.running.promise;
  socket.resetAndDestroy();
  await closed(socket);
}

test.each(moments)("close() when $when: it settles, and so does every respond", async ({ serve: served, reach }) => {
  if (served) serve();
  await reach();
  const waiting = served
    ? undefined
    : expect(
        app.server.acceptRequest({ timeout: 4000 }).then((request) => {
          throw new Error(String(request.url));
        }),
      ).rejects.toThrow();
  const start = performance.now();
  await app.server.close();
  // "Within milliseconds", on a machine that does much else.
  expect(performance.now() - start).toBeLessThan(5_000);
  await waiting;
  await serving;
  app.released.resolve();
  await app.quiet();
  expect({ settled: app.settled, returned: app.returned, errors: app.errors }).toEqual({
    settled: app.ran,
    returned: app.streams,
    errors: [],
  });
  await app.server.listen(0);
  serve();
  expect(await statusOf(app.server.getPort())).toBe(200);
});

test("close() inside a handler settles too, and the handler's respond", async () => {
  const done = deferred();
  const server = app.server;
  const served = server.serve(async (request) => {
    await server.close();
    await request.respond(200, "too late");
    done.resolve();
  });
  expect(await talk(server.getPort(), plain)).toBe("");
  await done.promise;
  await served;
  expect(app.errors).toEqual([]);
});

/** Where the errors of handlers can go, how an error is shown there, and a server that runs a handler and gives what arrived. */
const channels: ReadonlyArray<
  [name: string, show: (thrown: unknown) => unknown, play: (callback: (request: Request) => unknown) => Promise<Played>]
> = [
  ["onError", (thrown) => thrown, playOnError],
  [
    "stderr under serve",
    (thrown) => expect.stringContaining(`\n${thrown instanceof Error ? String(thrown) : inspect(thrown)}\n`),
    playServe,
  ],
  ["the loop of acceptRequest", (thrown) => thrown, playLoop],
];

interface Played {
  /** What the client received. */
  readonly text: string;
  readonly reported: unknown[];
}

async function ask(server: AsyncHttpServer): Promise<string> {
  return talk(server.getPort(), plain, true);
}

async function playOnError(callback: (request: Request) => unknown): Promise<Played> {
  const reported: unknown[] = [];
  const server = await startServing(callback, { onError: (error) => reported.push(error) });
  const text = await ask(server);
  await server.close();
  return { text, reported };
}

async function playServe(callback: (request: Request) => unknown): Promise<Played> {
  const printed = jest.spyOn(process.stderr, "write").mockReturnValue(true);
  try {
    const server = await startServing(callback);
    const text = await ask(server);
    await server.close();
    return { text, reported: printed.mock.calls.map(([line]) => line) };
  } finally {
    printed.mockRestore();
  }
}

async function playLoop(callback: (request: Request) => unknown): Promise<Played> {
  const reported: unknown[] = [];
  const server = await startServer();
  let ended = false;
  const loop = (async () => {
    while (!ended) await server.acceptRequest(callback).catch((error: unknown) => reported.push(error));
  })();
  const text = await ask(server);
  ended = true;
  await server.close();
  await loop;
  return {
    text,
    reported: reported.filter((error) => (error as { code?: unknown } | undefined)?.code !== "ERR_SERVER_CLOSED"),
  };
}

describe.each(channels)("the error of a handler arrives once, through %s, when it", (_, show, play) => {
  test.each(failures)("%s", async (_how, callback, response, thrown) => {
    const { text, reported } = await play(callback);
    expect(text).toMatch(response);
    expect(reported).toEqual([show(thrown)]);
  });
});

test.each([
  ["plain requests", plain],
  ["requests for an upgrade that are declined", upgrade],
  ["requests with a body", "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"],
  ["requests that expect 100", expecting],
])("40 %s on one connection leave no listener on its socket", async (_, bytes) => {
  const server = await startServer();
  let connections = 0;
  server.node.on("connection", () => connections++);
  const counts: string[] = [];
  void server.serve(async (request) => {
    const { client } = request;
    counts.push(
      client
        .eventNames()
        .map((name) => `${String(name)} ${client.listenerCount(name)}`)
        .sort()
        .join(", "),
    );
    await request.respond(200);
  });
  const text = await talk(server.getPort(), bytes.repeat(40) + last);
  await server.close();
  expect(text.match(/HTTP\/1\.1 200 /g)).toHaveLength(41);
  expect(new Set(counts.slice(1, 40))).toEqual(new Set([counts[1]]));
  expect(connections).toBe(1);
});
