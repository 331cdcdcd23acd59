import type { Request } from "../../lib/index";
import { BODY, CONNECTION, REQUEST, RESPONSE, type Follows } from "../../lib/wire/states";
import { RawClient } from "../helpers/raw-client";
import { askOn, deferred, get, pieces, post, startServer } from "../helpers/servers";

// The tables of lib/wire/states.ts, and what they mean to somebody who answers.

const tables: Readonly<Record<string, Follows<string>>> = { CONNECTION, REQUEST, BODY, RESPONSE };

/** Which states each is meant to lead to, said once more, so that a change of a table is a change of two files. */
const meant: Readonly<Record<string, readonly string[]>> = {
  CONNECTION: [
    "open > last-request lingering switched closed",
    "last-request > lingering switched closed",
    "lingering > closed",
    "switched > closed",
    "closed >",
  ],
  REQUEST: [
    "awaiting-continue > receiving complete refused",
    "receiving > complete refused left",
    "complete >",
    "refused >",
    "left >",
  ],
  BODY: ["kept > gathering flowing", "gathering >", "flowing > gathering"],
  RESPONSE: [
    "none > starting head-sent streaming ended ended-by-others dismissed switched aborted",
    "starting > none streaming ended ended-by-others aborted",
    "head-sent > streaming ended ended-by-others aborted",
    "streaming > ended ended-by-others aborted",
    "ended >",
    "ended-by-others >",
    "dismissed >",
    "switched >",
    "aborted >",
  ],
};

describe.each(Object.keys(tables))("%s", (name) => {
  const table = tables[name]!;

  test("is the one that is meant", () => {
    expect(Object.entries(table).map(([state, next]) => [state, ">", ...next].join(" "))).toEqual(meant[name]);
  });

  test.each(Object.keys(table))("from the first state, %s can be reached, and has an end", (state) => {
    const reach = (from: string): Set<string> => {
      const reached = new Set([from]);
      for (const each of reached) for (const next of table[each]!) reached.add(next);
      return reached;
    };
    // A request may begin in any state that its head decides.
    if (name !== "REQUEST") expect(reach(Object.keys(table)[0]!)).toContain(state);
    expect([...reach(state)].some((each) => table[each]!.length === 0)).toBe(true);
  });
});

/** What a handler can do, and whether it succeeds behind what was done before. */
const steps = {
  respond: (request: Request) => request.respond(200, "x"),
  "respond with a source": (request: Request) => request.respond(200, pieces("x")),
  sendHeaders: (request: Request) => request.sendHeaders({}),
  "an interim response": (request: Request) => request.respond(103),
} as const;
type Step = keyof typeof steps;

/** For each state of a response, how a handler gets there, and which steps may follow. */
const moves: ReadonlyArray<[state: string, before: readonly Step[], allowed: readonly Step[]]> = [
  ["none", [], ["respond", "respond with a source", "sendHeaders", "an interim response"]],
  [
    "none, behind an interim response",
    ["an interim response"],
    ["respond", "respond with a source", "sendHeaders", "an interim response"],
  ],
  ["head-sent", ["sendHeaders"], ["respond", "respond with a source"]],
  ["ended", ["respond"], []],
  ["ended, behind a source", ["respond with a source"], []],
  ["ended, behind sendHeaders", ["sendHeaders", "respond"], []],
];
const rows = moves.flatMap(([state, before, allowed]) =>
  (Object.keys(steps) as Step[]).map((step) => ({ state, before, step, follows: allowed.includes(step) })),
);

test.each(rows)("$state: $step follows: $follows", async ({ before, step, follows }) => {
  const { client, request } = await askOn(await startServer());
  for (const each of before) await steps[each](request);
  const taken = steps[step](request).then(
    () => true,
    (error: { code?: unknown }) => error.code,
  );
  expect(await taken).toBe(follows ? true : "ERR_ALREADY_ANSWERED");
  if (!before.includes("respond") && !before.includes("respond with a source"))
    await request.respond(200, "x").catch(() => undefined);
  expect(await client.read(1)).not.toEqual([]);
});

test("starting and streaming: no other response follows", async () => {
  const { client, request } = await askOn(await startServer());
  const begun = deferred();
  const response = request.respond(
    200,
    (async function* () {
      await begun.promise;
      yield "a";
      yield "b";
    })(),
  );
  for (const step of Object.values(steps))
    await expect(step(request)).rejects.toMatchObject({ code: "ERR_ALREADY_ANSWERED" });
  begun.resolve();
  await response;
  expect((await client.read(1))[0]?.body.toString()).toBe("ab");
});

test("aborted: what is sent goes nowhere, and settles", async () => {
  const server = await startServer();
  const { client, request } = await askOn(server);
  const gone = new Promise((resolve) => request.client.once("close", resolve));
  client.reset();
  await gone;
  await request.respond(200, "x");
  await expect(request.respond(200, "x")).rejects.toMatchObject({ code: "ERR_ALREADY_ANSWERED" });
});

describe("a connection", () => {
  test.each([
    ["open", get("/1") + get("/2"), [200, 200]],
    ["last-request, by the client", get("/1", "Connection: close") + get("/2"), [200]],
    ["last-request, by a refused one", get("/1") + post("/2", "x", 99_999_999) + get("/3"), [200, 413]],
  ])("that is %s takes as many requests", async (_state, bytes, statuses) => {
    const server = await startServer();
    void server.serve((request) => request.respond(200));
    const connected = await RawClient.connect(server);
    await connected.send(bytes);
    expect((await connected.read(statuses.length)).map(({ status }) => status)).toEqual(statuses);
    if (statuses.length === 1 || statuses.includes(413)) expect((await connected.end()).length).toBe(statuses.length);
  });
});
