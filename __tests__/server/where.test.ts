import { performance } from "node:perf_hooks";
import type { AsyncHttpServer, Request } from "../../lib/index";
import { RawClient } from "../helpers/raw-client";
import { get, hasSettled, makeServer, rejectionOf, settle, startServer } from "../helpers/servers";

const isAt =
  (path: string) =>
  ({ url }: Request): boolean =>
    url.path === path;

/** Sends requests, each on a connection of its own, and lets the server take them in. */
async function send(server: AsyncHttpServer, ...targets: readonly string[]): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (const target of targets) {
    const client = await RawClient.connect(server);
    await client.send(get(target));
    await settle(server);
    clients.push(client);
  }
  return clients;
}

describe("where", () => {
  test("takes the first queued request that fits, and leaves the others in their order", async () => {
    const server = await startServer();
    await send(server, "/a", "/b", "/c", "/b?2");
    const paths: string[] = [];
    paths.push(String((await server.acceptRequest({ where: isAt("/b") })).url));
    paths.push(String((await server.acceptRequest({ where: isAt("/b") })).url));
    paths.push(String((await server.acceptRequest()).url), String((await server.acceptRequest()).url));
    expect(paths).toEqual(["/b", "/b?2", "/a", "/c"]);
  });

  test("a signal that where itself aborts ends the wait", async () => {
    const server = await startServer();
    await send(server, "/a");
    const abort = new AbortController();
    const where = (): boolean => {
      abort.abort(new Error("enough"));
      return false;
    };
    expect(await rejectionOf(server.acceptRequest({ where, signal: abort.signal }))).toBe(abort.signal.reason);
  });

  test("a request to which where itself responds is handed out to nobody", async () => {
    const server = await startServer();
    const where = (request: Request): boolean => {
      void request.respond(204);
      return false;
    };
    const picky = server.acceptRequest({ where });
    const [first] = await send(server, "/first");
    expect((await first!.read(1))[0]).toMatchObject({ status: 204 });
    const next = server.acceptRequest();
    expect(await hasSettled(next)).toBe(false);
    await Promise.all([server.close(), rejectionOf(picky), rejectionOf(next)]);
  });

  test("waits for one that fits; what does not is queued", async () => {
    const server = await startServer();
    const accepted = server.acceptRequest({ where: isAt("/orders") });
    await send(server, "/poll", "/poll");
    expect(await hasSettled(accepted)).toBe(false);
    await send(server, "/orders");
    expect((await accepted).url.path).toBe("/orders");
    expect((await server.acceptRequest()).url.path).toBe("/poll");
    expect((await server.acceptRequest()).url.path).toBe("/poll");
  });

  test("what one wait refuses is for the next wait, in their order", async () => {
    const server = await startServer();
    const got: string[] = [];
    const note = (name: string) => (request: Request) => void got.push(`${name} ${request.url.path}`);
    const waits = [
      server.acceptRequest({ where: isAt("/b") }).then(note("b")),
      server.acceptRequest({ where: isAt("/a") }).then(note("a")),
      server.acceptRequest().then(note("any")),
      server.acceptRequest({ where: isAt("/b") }).then(note("b again")),
    ];
    await send(server, "/a", "/b", "/x", "/b");
    await Promise.all(waits);
    expect(got).toEqual(["a /a", "b /b", "any /x", "b again /b"]);
  });

  test.each([
    ["any request", (server: AsyncHttpServer) => server.acceptRequest()],
    ["one that fits", (server: AsyncHttpServer) => server.acceptRequest({ where: isAt("/a") })],
  ])("a wait for %s that it begins itself is asked, too, and the longer ones before it", async (_, begin) => {
    const server = await startServer();
    const begun: Array<Promise<Request>> = [];
    const where = ({ url }: Request): boolean => {
      begun.push(begin(server));
      return url.path === "/b";
    };
    const waiting = server.acceptRequest({ where });
    await send(server, "/a", "/b");
    expect((await begun[0]!).url.path).toBe("/a");
    expect((await waiting).url.path).toBe("/b");
    begun.slice(1).forEach((wait) => void wait.catch(() => {}));
  });

  test("has one deadline, whatever else arrives", async () => {
    const server = await startServer();
    void server.serve((request) => request.respond(200, "polled"));
    const begun = performance.now();
    const waiting = rejectionOf(server.acceptRequest({ where: isAt("/orders"), timeout: 200 }));
    let over = false;
    void waiting.then(() => (over = true));
    let polls = 0;
    for (; !over; polls++) await (await fetch(`${server.url}/poll`)).text();
    const error = await waiting;
    expect(performance.now() - begun).toBeLessThan(2_000);
    expect(error).toMatchObject({ code: "ERR_ACCEPT_TIMEOUT", name: "TimeoutError" });
    expect(error.message).toContain("within 200 ms");
    expect(error.message).toMatch(/^ {2}GET \/poll: answered with 200 \(\d+ times\)$/m);
    expect(polls).toBeGreaterThan(1);
  });

  test("takes precedence over the handler of serve for its requests; the handler serves the rest", async () => {
    const server = await startServer();
    void server.serve((request) => request.respond(200, "served"));
    const accepted = server.acceptRequest({ where: isAt("/mine") });
    expect(await (await fetch(`${server.url}/other`)).text()).toBe("served");
    const response = fetch(`${server.url}/mine`);
    await (await accepted).respond(200, "accepted");
    expect(await (await response).text()).toBe("accepted");
    expect(await (await fetch(`${server.url}/mine`)).text()).toBe("served");
  });

  test("takes precedence over a serve that minds descriptors, too", async () => {
    const server = makeServer();
    void server.serve(0, (request) => request.respond(200, "served"), "127.0.0.1", 0);
    while (!server.node.listening) await new Promise((resolve) => setImmediate(resolve));
    expect(await (await fetch(`${server.url}/mine`)).text()).toBe("served");
    const accepted = server.acceptRequest({ where: isAt("/mine") });
    expect(await (await fetch(`${server.url}/other`)).text()).toBe("served");
    const reply = fetch(`${server.url}/mine`);
    await (await accepted).respond(200, "accepted");
    expect(await (await reply).text()).toBe("accepted");
  });

  test("finds a request that a serve without descriptors has left queued", async () => {
    const server = makeServer();
    let free = false;
    jest.spyOn(server, "shouldAcceptRequest").mockImplementation(() => free);
    void server.serve(0, (request) => request.respond(200, "served"), "127.0.0.1", 0);
    while (!server.node.listening) await new Promise((resolve) => setImmediate(resolve));
    const [first, second] = await send(server, "/first", "/mine");
    await (await server.acceptRequest({ where: isAt("/mine") })).respond(200, "accepted");
    expect((await second!.read(1))[0]?.body.toString()).toBe("accepted");
    expect(first!.responses).toEqual([]);
    free = true;
    expect((await first!.read(1))[0]?.body.toString()).toBe("served");
  });

  test("a wait without it, beside the handler of serve, takes the next request", async () => {
    const server = await startServer();
    void server.serve((request) => request.respond(200, "served"));
    const accepted = server.acceptRequest();
    const response = fetch(server.url);
    await (await accepted).respond(200, "accepted");
    expect(await (await response).text()).toBe("accepted");
  });

  test("works with Nim's form, too", async () => {
    const server = await startServer();
    const accepted = server.acceptRequest((request) => request.respond(200, "mine"), { where: isAt("/mine") });
    const [other, mine] = await send(server, "/other", "/mine");
    await accepted;
    expect((await mine!.read(1))[0]?.body.toString()).toBe("mine");
    expect(other!.responses).toEqual([]);
  });

  const failure = new Error("where failed");
  const broken: ReadonlyArray<[what: string, where: (request: Request) => boolean, error: unknown]> = [
    [
      "throws",
      () => {
        throw failure;
      },
      failure,
    ],
    [
      "is async",
      (async () => true) as never,
      {
        name: "TypeError",
        code: "ERR_INVALID_ARGUMENT",
        message: expect.stringContaining("cannot be async") as string,
      },
    ],
    [
      "is async and fails",
      (() => Promise.reject(failure)) as never,
      { name: "TypeError", code: "ERR_INVALID_ARGUMENT" },
    ],
  ];

  test.each(broken)("that %s rejects its wait and loses no request", async (_what, where, expected) => {
    const server = await startServer();
    const waiting = rejectionOf(server.acceptRequest({ where }));
    const next = server.acceptRequest();
    await send(server, "/1");
    expect(await waiting).toMatchObject(expected as object);
    expect((await next).url.path).toBe("/1");
    await send(server, "/2");
    expect(await rejectionOf(server.acceptRequest({ where }))).toMatchObject(expected as object);
    expect((await server.acceptRequest()).url.path).toBe("/2");
  });

  test("that ends other waits, or closes the server, does no harm", async () => {
    const server = await startServer();
    const end = new AbortController();
    const first = server.acceptRequest({
      where: () => {
        end.abort(failure);
        return false;
      },
    });
    const second = rejectionOf(server.acceptRequest({ signal: end.signal }));
    const third = server.acceptRequest();
    await send(server, "/1");
    expect(await second).toBe(failure);
    expect((await third).url.path).toBe("/1");
    expect(await hasSettled(first)).toBe(false);
  });

  test("sees the whole request, its body too", async () => {
    const server = await startServer();
    const accepted = server.acceptRequest({ where: (request) => request.body === "2" });
    const responses = ["1", "2"].map((body) => fetch(server.url, { method: "POST", body }));
    await (await accepted).respond(200, "second");
    expect(await (await responses[1]!).text()).toBe("second");
    await (await server.acceptRequest()).respond(200, "first");
    expect(await (await responses[0]!).text()).toBe("first");
  });

  test("is shown in the error of its wait, as far as it is short", async () => {
    const server = await startServer();
    const { message } = await rejectionOf(server.acceptRequest({ where: (r) => r.url.path === "/x", timeout: 1 }));
    expect(message).toMatch(
      /^no request that fits where: \(r\) => r\.url\.path === ["']\/x["'] arrived within 1 ms at http:/,
    );
    const long = (r: Request): boolean =>
      r.url.path === "/a rather long path that goes on and on" &&
      r.reqMethod === "POST" &&
      r.headers.hasKey("x-something-else");
    expect((await rejectionOf(server.acceptRequest({ where: long, timeout: 1 }))).message).toMatch(
      /^no request that fits `where` arrived/,
    );
  });
});

test("100,000 queued requests cost no more each than a few", async () => {
  const { AcceptQueue } = require("../../lib/server/accept-queue") as typeof import("../../lib/server/accept-queue");
  const queue = new AcceptQueue();
  const entry = (): never => ({ queued: false, previous: undefined, next: undefined, responseState: "none" }) as never;
  const time = (count: number): number => {
    for (let i = 0; i < count; i++) queue.offer(entry());
    const begun = performance.now();
    for (let i = 0; i < count; i++) queue.take();
    return (performance.now() - begun) / count;
  };
  time(1_000);
  const few = time(10_000);
  // A queue that moves its entries at each step takes a thousand times as long.
  expect(time(100_000)).toBeLessThan(few * 20 + 0.01);
});
