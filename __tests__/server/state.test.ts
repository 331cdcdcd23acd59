import { mayFollow, State, type ServerState } from "../../lib/server/state";
import { makeServer, rejectionOf } from "../helpers/servers";

const states: readonly ServerState[] = ["idle", "listening", "draining", "closed"];

/** What may follow what, and by what. */
const steps: ReadonlyArray<[from: ServerState, to: ServerState, by: string]> = [
  ["idle", "listening", "listen"],
  ["idle", "draining", "close before listen"],
  ["listening", "draining", "close"],
  ["listening", "idle", "the first listen that fails"],
  ["listening", "closed", "a later listen that fails"],
  ["draining", "closed", "the last connection"],
  ["closed", "listening", "listen again"],
  ["closed", "draining", "close again"],
];

const pairs = states.flatMap((from) => states.map((to) => [from, to] as const));

test.each(pairs)("%s → %s", (from, to) => {
  const allowed = steps.some(([a, b]) => a === from && b === to);
  expect(mayFollow(from, to)).toBe(allowed);
});

test("a step that the table does not have is an error", () => {
  const state = new State();
  expect(() => state.become("closed")).toThrow("a server that is idle cannot become closed");
  expect(state.now).toBe("idle");
});

describe("a server that Node's own was made to listen", () => {
  /** Makes it listen past `listen`, as a library does that is given `server.node`. */
  async function listenByNode(server: ReturnType<typeof makeServer>): Promise<void> {
    await new Promise<void>((resolve) => server.node.listen(0, "127.0.0.1", resolve));
  }

  test("can be asked for requests, served, closed, and all that again", async () => {
    const server = makeServer();
    for (let i = 0; i < 2; i++) {
      await listenByNode(server);
      const response = fetch(server.url);
      await (await server.acceptRequest()).respond(200, "accepted");
      expect(await (await response).text()).toBe("accepted");
      const served = server.serve((request) => request.respond(200, "served"));
      expect(await (await fetch(server.url)).text()).toBe("served");
      await server.close();
      await served;
      expect(server.node.listening).toBe(false);
    }
  });

  test("can be asked before Node says that it listens", async () => {
    const server = makeServer();
    server.node.listen(0);
    const accepted = server.acceptRequest();
    const response = fetch(server.url);
    await (await accepted).respond(204);
    expect((await response).status).toBe(204);
  });

  test("listens already for listen", async () => {
    const server = makeServer();
    await listenByNode(server);
    expect(await rejectionOf(server.listen(0))).toMatchObject({ code: "ERR_SERVER_ALREADY_LISTENING" });
  });

  test("may be mixed with listen, in any order", async () => {
    const server = makeServer();
    await server.listen(0);
    await server.close();
    await listenByNode(server);
    await server.close();
    await server.listen(0);
    const response = fetch(server.url);
    await (await server.acceptRequest()).respond(204);
    expect((await response).status).toBe(204);
  });
});

test("a server that Node's own was told to close rejects what waits, and serve settles", async () => {
  const server = makeServer();
  await server.listen(0);
  const waiting = rejectionOf(server.acceptRequest());
  const served = server.serve(() => {});
  server.node.close();
  expect(await waiting).toMatchObject({ code: "ERR_SERVER_CLOSED" });
  await served;
  expect(await rejectionOf(server.acceptRequest())).toMatchObject({ code: "ERR_SERVER_CLOSED" });
});

test("a listen that fails leaves the server as it was", async () => {
  const server = makeServer();
  const other = makeServer();
  await other.listen(0);
  await rejectionOf(server.listen(other.getPort()));
  expect(await rejectionOf(server.acceptRequest())).toMatchObject({ code: "ERR_SERVER_NOT_LISTENING" });
  await server.listen(0);
  await server.close();
  await rejectionOf(server.listen(other.getPort()));
  expect(await rejectionOf(server.acceptRequest())).toMatchObject({ code: "ERR_SERVER_CLOSED" });
});
