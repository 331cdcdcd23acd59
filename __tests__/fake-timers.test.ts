import { once } from "node:events";
import timers from "node:timers";
import type { AsyncHttpServer } from "../lib/index";
import { RawClient } from "./helpers/raw-client";
import { makeServer, pieces, post, rejectionOf, startServer } from "./helpers/servers";

type FakeTimers = Parameters<typeof jest.useFakeTimers>[0];

afterEach(() => {
  jest.useRealTimers();
});

/** The parts of an exchange for which a timer could be needed. The client is Node's own, whose timers stay real. */
async function expectExchange(server: AsyncHttpServer): Promise<void> {
  const response = fetch(`${server.url}/login`, { method: "POST", body: "{}" });
  const request = await server.acceptRequest({ timeout: 4_000 });
  expect(request.json()).toEqual({});
  await request.respond(200, "welcome");
  expect(await (await response).text()).toBe("welcome");
}

async function expectStream(server: AsyncHttpServer): Promise<void> {
  const response = fetch(server.url);
  await (await server.acceptRequest()).respond(200, pieces("piece by ", "piece"));
  expect(await (await response).text()).toBe("piece by piece");
}

async function expectRefusal(server: AsyncHttpServer): Promise<void> {
  const accepted = server.acceptRequest().catch(() => "closed");
  const response = await fetch(server.url, { method: "POST", body: "more than ten" });
  expect(response.status).toBe(413);
  expect(Date.parse(response.headers.get("date") ?? "")).toBeGreaterThan(Date.parse("2024-01-01"));
  await server.close();
  expect(await accepted).toBe("closed");
}

const everything = [
  "Date",
  "hrtime",
  "nextTick",
  "performance",
  "queueMicrotask",
  "setImmediate",
  "clearImmediate",
  "setInterval",
  "clearInterval",
  "setTimeout",
  "clearTimeout",
] as const;

const modes: ReadonlyArray<[name: string, config: FakeTimers]> = [
  ["the default", undefined],
  ["advanceTimers", { advanceTimers: true }],
  ["legacyFakeTimers", { legacyFakeTimers: true }],
  ["a time of long ago", { now: 0 }],
  ...everything.map((kept): [string, FakeTimers] => [
    `only ${kept} faked`,
    { doNotFake: everything.filter((name) => name !== kept) },
  ]),
];

describe.each(modes)("jest.useFakeTimers, %s", (_name, config) => {
  test.each<[when: string, before: boolean]>([
    ["before the server starts", true],
    ["after it has started", false],
  ])("%s: exchange, stream, refusal, close", async (_when, before) => {
    if (before) jest.useFakeTimers(config);
    const server = await startServer({ maxBody: 10 });
    jest.useFakeTimers(config);
    await expectExchange(server);
    await expectStream(server);
    await expectRefusal(server);
  });
});

describe("with fake timers from the start, as fakeTimers.enableGlobally has it", () => {
  test("a streamed body that breaks off is told of", async () => {
    jest.useFakeTimers();
    let library: typeof import("../lib/index") | undefined;
    jest.isolateModules(() => {
      library = require("../lib/index") as typeof import("../lib/index");
    });
    const server = makeServer({ stream: true }, library!.newAsyncHttpServer);
    await server.listen(0);
    const client = await RawClient.connect(server);
    await client.send(post("/", "0123", 10));
    const reading = (await server.acceptRequest()).readBody();
    client.reset();
    expect(await rejectionOf(reading)).toMatchObject({ code: "ERR_CLIENT_DISCONNECTED" });
  });
});

describe("with the default fake timers", () => {
  test("the timeout of a wait is real time", async () => {
    jest.useFakeTimers();
    const server = await startServer();
    expect(await rejectionOf(server.acceptRequest({ timeout: 10 }))).toMatchObject({ code: "ERR_ACCEPT_TIMEOUT" });
    await server.close();
  });

  test("serve, for await and the Nim loop work", async () => {
    jest.useFakeTimers();
    const served = await startServer();
    void served.serve((request) => request.respond(200, "served"));
    const iterated = await startServer();
    const iterating = (async () => {
      for await (const request of iterated) await request.respond(200, "iterated");
    })();
    const looped = await startServer();
    const looping = (async () => {
      for (;;)
        if (looped.shouldAcceptRequest()) await looped.acceptRequest((request) => request.respond(200, "looped"));
    })();
    for (const [server, expected] of [
      [served, "served"],
      [iterated, "iterated"],
      [looped, "looped"],
    ] as const) {
      expect(await (await fetch(server.url)).text()).toBe(expected);
    }
    const ended = rejectionOf(looping);
    await Promise.all([served.close(), iterated.close(), looped.close()]);
    await iterating;
    expect(await ended).toMatchObject({ code: "ERR_SERVER_CLOSED" });
  });

  test("time that a test jumps over ends no connection", async () => {
    jest.useFakeTimers();
    const server = await startServer();
    const response = fetch(server.url);
    const request = await server.acceptRequest();
    jest.advanceTimersByTime(24 * 3_600_000);
    await request.respond(200, "still there");
    expect(await (await response).text()).toBe("still there");
    await server.close();
  });

  test("the wait of serve for descriptors is real time", async () => {
    jest.useFakeTimers();
    const server = makeServer();
    const served = server.serve(0, () => {}, "127.0.0.1", 2 ** 40);
    await once(server.node, "listening");
    await server.close();
    await served;
  });
});

test("the package can be loaded while timers are faked, as with fakeTimers.enableGlobally", async () => {
  jest.useFakeTimers();
  let loaded: typeof import("../lib/index") | undefined;
  jest.isolateModules(() => {
    loaded = jest.requireActual("../lib/index");
  });
  const server = makeServer({}, loaded!.newAsyncHttpServer);
  await server.listen(0);
  expect(await rejectionOf(server.acceptRequest({ timeout: 1 }))).toMatchObject({ code: "ERR_ACCEPT_TIMEOUT" });
  await expectExchange(server);
  await server.close();
});

test("what is put into node:timers after the package was loaded is not used", async () => {
  const { setTimeout, clearTimeout } = timers;
  const replaced = ((): never => {
    throw new Error("a replaced timer was called");
  }) as unknown as typeof setTimeout;
  Object.assign(timers, { setTimeout: replaced, clearTimeout: replaced });
  try {
    const server = await startServer();
    expect(await rejectionOf(server.acceptRequest({ timeout: 1 }))).toMatchObject({ code: "ERR_ACCEPT_TIMEOUT" });
    await expectExchange(server);
    await server.close();
  } finally {
    Object.assign(timers, { setTimeout, clearTimeout });
  }
});
