import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { listenOptions } from "../../lib/server/listen";
import { Http200 } from "../../lib/index";
import { requestOf } from "../helpers/node-client";
import { echo, makeServer, rejectionOf, startServer } from "../helpers/servers";

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));

/** A directory of this test file, for the files of Unix sockets. */
const directory = mkdtempSync(join(tmpdir(), "listen-"));
afterAll(() => rmSync(directory, { recursive: true }));

describe("a port", () => {
  test("0 takes a free one, which getPort and url tell", async () => {
    const server = makeServer();
    await server.listen(0);
    expect(server.node.listening).toBe(true);
    expect(server.getPort()).toBeGreaterThan(0);
    expect(server.url).toBe(`http://127.0.0.1:${server.getPort()}`);
  });

  test("is not bound where Node's server is closed meanwhile, and close settles", async () => {
    const server = makeServer();
    const listening = server.listen(0);
    const rejected = rejectionOf(listening);
    // Node looks an interface up first, so that nothing is bound in this turn.
    await Promise.resolve();
    server.node.close();
    expect(await rejected).toMatchObject({ code: "ERR_SERVER_CLOSED" });
    await server.close();
    await server.listen(0);
    expect(server.getPort()).toBeGreaterThan(0);
  });

  test("a number takes that one", async () => {
    const first = await startServer();
    const port = first.getPort();
    await first.close();
    const second = makeServer();
    await second.listen(port);
    expect(second.getPort()).toBe(port);
  });

  test.each<[port: number]>([[0], [1], [65_535]])("%p is within the range", (port) => {
    expect(listenOptions(port, "", false)).toMatchObject({ port });
  });

  test.each<[port: number]>([[-1], [65_536], [1.5], [NaN], [Infinity]])("%p is a RangeError", async (port) => {
    const error = await rejectionOf(makeServer().listen(port));
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({
      code: "ERR_INVALID_ARGUMENT",
      message: `the port must be a whole number from 0 to 65535; got ${port}`,
    });
  });

  test.each<[port: unknown]>([["80"], [undefined], [null], [{}]])("%p is a TypeError", async (port) => {
    const error = await rejectionOf(makeServer().listen(port as number));
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
  });

  test("one in use is the system's error, and the server can take another", async () => {
    const first = await startServer();
    const server = makeServer();
    const error = await rejectionOf(server.listen(first.getPort()));
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      code: "EADDRINUSE",
      syscall: "listen",
      address: "127.0.0.1",
      port: first.getPort(),
      message: `listen EADDRINUSE: address already in use 127.0.0.1:${first.getPort()}: something listens on port ${first.getPort()} already; port 0 takes a free one`,
    });
    expect(() => server.getPort()).toThrow();
    await server.listen(0);
    expect(server.getPort()).not.toBe(first.getPort());
  });
});

describe("an address", () => {
  type Row = [address: string | undefined, bound: RegExp, url: string, client: string];
  const overIpv4: Row[] = [
    [undefined, /^127\.0\.0\.1$/, "http://127.0.0.1", "127.0.0.1"],
    ["127.0.0.1", /^127\.0\.0\.1$/, "http://127.0.0.1", "127.0.0.1"],
    ["0.0.0.0", /^0\.0\.0\.0$/, "http://127.0.0.1", "127.0.0.1"],
    ["", /^(?:::|0\.0\.0\.0)$/, "http://127.0.0.1", "127.0.0.1"],
  ];
  const overIpv6: Row[] = [
    ["::1", /^::1$/, "http://[::1]", "::1"],
    ["::", /^::$/, "http://127.0.0.1", "127.0.0.1"],
  ];

  test.each(hasIpv6 ? [...overIpv4, ...overIpv6] : overIpv4)("%p is bound as %p, url %s, client %s", async (...row) => {
    const [address, bound, url, client] = row;
    const server = makeServer();
    await server.listen(0, address);
    expect((server.node.address() as { address: string }).address).toMatch(bound);
    expect(server.url).toBe(`${url}:${server.getPort()}`);
    void server.serve((request) => request.respond(Http200, request.hostname));
    expect(await (await fetch(server.url)).text()).toBe(client);
  });

  test("localhost is resolved, and url says what it was", async () => {
    const server = makeServer();
    await server.listen(0, "localhost");
    expect(server.url).toMatch(/^http:\/\/(?:127\.0\.0\.1|\[::1\]):[0-9]+$/);
  });

  test("one that this machine does not have is the system's error", async () => {
    const error = await rejectionOf(makeServer().listen(0, "192.0.2.1"));
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code: "EADDRNOTAVAIL", address: "192.0.2.1" });
  });

  test.each<[address: unknown]>([[null], [5], [{}]])("%p is a TypeError", async (address) => {
    const error = await rejectionOf(makeServer().listen(0, address as string));
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
  });
});

describe("a Unix socket", () => {
  test("is listened on as the address of port 0, and its file goes with the server", async () => {
    const path = join(directory, "served");
    const server = makeServer();
    await server.listen(0, path);
    expect(server.getPort()).toBe(0);
    expect(server.url).toBe(`unix:${path}`);
    void server.serve((request) => request.respond(Http200, `<${request.hostname}>`));
    expect((await requestOf({ socketPath: path })).text).toBe("<>");
    await server.close();
    expect(existsSync(path)).toBe(false);
  });

  test("has no port", async () => {
    const error = await rejectionOf(makeServer().listen(80, join(directory, "port")));
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
  });

  test("of a server that lives is in use", async () => {
    const path = join(directory, "used");
    await makeServer().listen(0, path);
    const error = await rejectionOf(makeServer().listen(0, path));
    expect(error).toMatchObject({ code: "EADDRINUSE", address: path });
    expect(error.message).not.toContain("delete");
  });

  test("of a process that is gone says so", async () => {
    const path = join(directory, "stale");
    const dying = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", dying]);
    expect(existsSync(path)).toBe(true);
    const error = await rejectionOf(makeServer().listen(0, path));
    expect(error).toMatchObject({ code: "EADDRINUSE" });
    expect(error.message).toContain(`delete the file ${path} first`);
  });

  test("in a directory that does not exist is the system's error", async () => {
    const error = await rejectionOf(makeServer().listen(0, join(directory, "none", "socket")));
    expect(error).toMatchObject({ code: "EACCES", syscall: "listen" });
  });
});

describe("the state of the server", () => {
  test("listening twice is an error, and the first goes on", async () => {
    const server = makeServer();
    const first = server.listen(0);
    expect(await rejectionOf(server.listen(0))).toMatchObject({ code: "ERR_SERVER_ALREADY_LISTENING" });
    await first;
    expect(await rejectionOf(server.listen(0))).toMatchObject({ code: "ERR_SERVER_ALREADY_LISTENING" });
    void server.serve(echo);
    expect(await (await fetch(server.url)).text()).toBe("/|");
  });

  test.each<[when: string, prepare: (server: Awaited<ReturnType<typeof startServer>>) => Promise<void>]>([
    ["before listen", async () => {}],
    ["while listen resolves the name", async (server) => void server.listen(0, "localhost")],
    ["after a listen that failed", async (server) => void (await rejectionOf(server.listen(0, "192.0.2.1")))],
    ["after close", async (server) => (await server.listen(0), server.close())],
  ])("there is no port and no url %s", async (_when, prepare) => {
    const server = makeServer();
    await prepare(server);
    const code = "ERR_SERVER_NOT_LISTENING";
    expect(() => server.getPort()).toThrow(expect.objectContaining({ code }));
    expect(() => server.url).toThrow(expect.objectContaining({ code }));
  });

  test("it listens again after close, also while close is at work", async () => {
    const server = await startServer();
    await server.close();
    await server.listen(0);
    const closed = server.close();
    const listening = server.listen(0);
    await Promise.all([closed, listening]);
    void server.serve(echo);
    expect(await (await fetch(`${server.url}/again`)).text()).toBe("/again|");
  });

  test("counts what Node's server was told underneath, and leaves nothing behind", async () => {
    const server = makeServer();
    await new Promise<void>((resolve) => server.node.listen(0, "127.0.0.1", resolve));
    const listeners = (): number[] => ["error", "listening"].map((event) => server.node.listenerCount(event));
    const before = listeners();
    expect(await rejectionOf(server.listen(0))).toMatchObject({ code: "ERR_SERVER_ALREADY_LISTENING" });
    expect(listeners()).toEqual(before);
  });
});
