import { once } from "node:events";
import fs from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { Descriptors } from "../../lib/server/file-descriptors";
import { nimMaxDescriptorsFallback } from "../../lib/index";
import { RawClient } from "../helpers/raw-client";
import { echo, get, makeServer, startServer, startServing } from "../helpers/servers";

afterEach(() => jest.restoreAllMocks());

const none = (): number => 0;

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/**
 * Makes the two files from which Node tells about descriptors say what a system says.
 *
 * @param told the size of the directory: since Linux 6.2 the number of open ones, before it nothing
 */
function onSystem(limits: string | Error, open: number | Error, told = 0): void {
  const answer = <T>(given: T | Error): T => {
    if (given instanceof Error) throw given;
    return given;
  };
  jest.spyOn(fs, "readFileSync").mockImplementation(() => answer(limits));
  const names = open instanceof Error ? open : Array.from({ length: open + 1 }, String);
  jest.spyOn(fs, "statSync").mockImplementation((() => ({ size: told })) as never);
  jest.spyOn(fs, "readdirSync").mockImplementation((() => answer(names)) as never);
}

const limitsOf = (soft: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${soft}  524288  files     \n`;
const noFile = systemError("ENOENT");
const noRoom = systemError("EMFILE");

describe("allowRequest, boundaries on both sides", () => {
  test.each<[system: string, limits: string | Error, open: number | Error, connections: number, most: number]>([
    ["limit 1024, 100 open", limitsOf("1024"), 100, 0, 923],
    ["limit 1024, all but one open", limitsOf("1024"), 1023, 0, 0],
    ["limit 1024, open ones unknown, 24 connections", limitsOf("1024"), noFile, 24, 999],
    ["limit unknown, 100 open", noFile, 100, 0, nimMaxDescriptorsFallback - 101],
    ["limit without a number, 100 open", limitsOf("many"), 100, 0, nimMaxDescriptorsFallback - 101],
    ["nothing known, 10 connections", noFile, noFile, 10, nimMaxDescriptorsFallback - 11],
  ])("%s", (_system, limits, open, connections, most) => {
    onSystem(limits, open);
    expect(new Descriptors(() => connections).allowRequest(most)).toBe(true);
    expect(new Descriptors(() => connections).allowRequest(most + 1)).toBe(false);
  });

  test.each([["EMFILE"], ["ENFILE"]])("none where even the question needs one (%s)", (code) => {
    onSystem(limitsOf("1024"), systemError(code));
    expect(new Descriptors(none).allowRequest(0)).toBe(false);
  });

  test("always where there is no limit", () => {
    onSystem(limitsOf("unlimited"), 1e6);
    expect(new Descriptors(none).allowRequest(1e9)).toBe(true);
  });

  test("goes by what this process has open", () => {
    const limits = fs.existsSync("/proc/self/limits") ? fs.readFileSync("/proc/self/limits", "latin1") : "";
    const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? nimMaxDescriptorsFallback);
    const room = limit - (fs.readdirSync("/dev/fd").length - 1);
    expect(new Descriptors(none).allowRequest(room - 1)).toBe(true);
    const file = fs.openSync(__filename, "r");
    expect(new Descriptors(none).allowRequest(room - 1)).toBe(false);
    fs.closeSync(file);
  });
});

describe("what a question costs", () => {
  const counts = (): number => jest.mocked(fs.readdirSync).mock.calls.length;

  test("the descriptors are counted again only when an eighth of the free ones may be used up", () => {
    onSystem(limitsOf("1024"), 24);
    const descriptors = new Descriptors(none);
    // 1,000 free, of which 125 are trusted; each yes takes 5.
    for (let i = 0; i < 25; i++) expect(descriptors.allowRequest(5)).toBe(true);
    expect(counts()).toBe(1);
    expect(descriptors.allowRequest(5)).toBe(true);
    expect(counts()).toBe(2);
    expect(jest.mocked(fs.readFileSync)).toHaveBeenCalledTimes(1);
  });

  const many = process.platform === "linux" ? 1 : 3;
  test.each<[directory: string, told: number, listings: number]>([
    ["is the number of its entries, they are listed once", 1019, many],
    ["is nothing, they are listed each time", 0, 3],
    ["is something else, they are listed each time", 4096, 3],
  ])("where the size of the directory %s", (_directory, told, listings) => {
    onSystem(limitsOf("1024"), 1019, told);
    const descriptors = new Descriptors(none);
    expect([0, 5, 4].map((assumed) => descriptors.allowRequest(assumed))).toEqual([true, false, true]);
    expect(counts()).toBe(listings);
  });

  test("a first count that another thread disturbs is not the last word on the size", () => {
    onSystem(limitsOf("1024"), 1019, 1018);
    const descriptors = new Descriptors(none);
    expect(descriptors.allowRequest(5)).toBe(false);
    onSystem(limitsOf("1024"), 1019, 1019);
    for (let i = 0; i < 3; i++) expect(descriptors.allowRequest(5)).toBe(false);
    expect(counts()).toBe(process.platform === "linux" ? 2 : 4);
  });

  test("each connection takes from the trusted ones, too", () => {
    onSystem(limitsOf("1024"), 24);
    const descriptors = new Descriptors(none);
    expect(descriptors.allowRequest(1)).toBe(true);
    for (let i = 0; i < 124; i++) expect(descriptors.allowConnection()).toBe(true);
    expect(counts()).toBe(1);
    expect(descriptors.allowConnection()).toBe(true);
    expect(counts()).toBe(2);
  });

  test("a question for 0 takes one as well, so that it is counted again some time", () => {
    onSystem(limitsOf("1024"), 1016);
    const descriptors = new Descriptors(none);
    expect(descriptors.allowRequest(0)).toBe(true);
    onSystem(limitsOf("1024"), 1024);
    expect(descriptors.allowRequest(0)).toBe(false);
  });

  test("a no is asked again: descriptors that were closed count at once", () => {
    onSystem(limitsOf("1024"), 1024);
    const descriptors = new Descriptors(none);
    expect(descriptors.allowRequest(5)).toBe(false);
    onSystem(limitsOf("1024"), 24);
    expect(descriptors.allowRequest(5)).toBe(true);
  });
});

describe("allowConnection", () => {
  test("always and without a look, where nobody minds descriptors", () => {
    onSystem(limitsOf("1024"), 1024);
    const descriptors = new Descriptors(none);
    expect(descriptors.allowRequest(-1)).toBe(true);
    expect(descriptors.allowConnection()).toBe(true);
    expect(jest.mocked(fs.readdirSync)).not.toHaveBeenCalled();
  });

  test("only while it leaves enough for a request, where somebody does", () => {
    onSystem(limitsOf("1024"), 1018);
    const descriptors = new Descriptors(none);
    expect(descriptors.allowRequest(5)).toBe(true);
    expect(descriptors.allowConnection()).toBe(true);
    onSystem(limitsOf("1024"), 1019);
    expect(descriptors.allowConnection()).toBe(false);
  });
});

describe("shouldAcceptRequest", () => {
  test.each<[assumed: number | undefined, expected: boolean]>([
    [undefined, true],
    [0, true],
    [5, true],
    [-1, true],
    [2 ** 40, false],
  ])("of %p", async (assumed, expected) => {
    expect((await startServer()).shouldAcceptRequest(assumed)).toBe(expected);
  });

  test("assumes 5 descriptors", async () => {
    const server = await startServer();
    onSystem(limitsOf("1024"), 1018);
    expect(server.shouldAcceptRequest()).toBe(true);
    onSystem(limitsOf("1024"), 1019);
    expect(server.shouldAcceptRequest()).toBe(false);
  });

  test("below 0 does not look", async () => {
    const server = await startServer();
    onSystem(noRoom, noRoom);
    expect(server.shouldAcceptRequest(-1)).toBe(true);
    expect(jest.mocked(fs.readdirSync)).not.toHaveBeenCalled();
  });

  test("under serve: a request waits until there is room", async () => {
    onSystem(limitsOf("1024"), 1000);
    const server = makeServer();
    void server.serve(0, echo, "127.0.0.1", 5);
    await once(server.node, "listening");
    const [first, second] = [await RawClient.connect(server), await RawClient.connect(server)];
    await first.send(get("/first"));
    await first.read(1);
    onSystem(limitsOf("1024"), 1024);
    const arrived = once(server.node, "request");
    await second.send(get("/second"));
    await arrived;
    await turn();
    expect(second.responses).toEqual([]);
    onSystem(limitsOf("1024"), 1000);
    expect((await second.read(1))[0]?.body.toString()).toBe("/second|");
  });

  test("under serve: a connection that would use up the room is ended", async () => {
    onSystem(limitsOf("1024"), 1000);
    const server = makeServer();
    void server.serve(0, echo, "127.0.0.1", 5);
    await once(server.node, "listening");
    onSystem(limitsOf("1024"), 1020);
    const client = await RawClient.connect(server);
    await client.end();
    onSystem(limitsOf("1024"), 1000);
    expect(await (await fetch(`${server.url}/later`)).text()).toBe("/later|");
  });

  test("a question for more than there can be refuses no connection", async () => {
    const server = await startServing(echo);
    expect(server.shouldAcceptRequest(10_000_000)).toBe(false);
    expect(await (await fetch(`${server.url}/next`)).text()).toBe("/next|");
  });
});

describe("assumedDescriptorsPerRequest", () => {
  test.each([NaN, "5", null, {}])("%p is refused, and nothing is trusted for it", async (assumed) => {
    const server = await startServer();
    const error = expect.objectContaining({ name: "TypeError", code: "ERR_INVALID_ARGUMENT" });
    expect(() => server.shouldAcceptRequest(assumed as number)).toThrow(error);
    expect(server.shouldAcceptRequest(10_000_000)).toBe(false);
    const unheard = makeServer();
    await expect(unheard.serve(0, echo, undefined, assumed as number)).rejects.toEqual(error);
    expect(unheard.node.listening).toBe(false);
  });
});

test("a connection that the system refuses to accept ends nothing", async () => {
  const server = await startServing(echo);
  server.node.emit("error", noRoom);
  expect(await (await fetch(`${server.url}/lives`)).text()).toBe("/lives|");
});

test("the fallback is Nim's", () => {
  expect(nimMaxDescriptorsFallback).toBe(16_000);
});
