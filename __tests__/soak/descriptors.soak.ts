import { closeClients, connectSilent, get, readToEnd, several, until } from "./clients";
import { ServerProcess, stopServerProcesses, type ServerOptions } from "./server-process";
import { report, size } from "./sizes";

const clients = size("SOAK_CLIENTS", 200, 200);
const descriptors = 64;
const request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const good = /^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*\r\naa$/;

interface Room {
  readonly says: boolean;
  readonly open: number;
  readonly limit: number;
}

afterEach(async () => {
  closeClients();
  await stopServerProcesses();
});

/** Service is whole again: every one of many clients is answered, a few at a time. */
async function expectWhole(server: ServerProcess): Promise<void> {
  await until("the connections of those who left", 10_000, async () => (await server.counts()).connections === 0);
  const statuses = await several(100, 8, () => get(server.port));
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
  expect((await server.counts()).served).toBe(0);
}

const acceptors: ReadonlyArray<[name: string, accept: ServerOptions["accept"]]> = [
  ["serve", "serve"],
  ["serve with assumedDescriptorsPerRequest", "within"],
  ["the loop of acceptRequest and shouldAcceptRequest", "loop"],
];

test.each(acceptors)(
  `${clients} clients at once and ${descriptors} descriptors: %s answers what it reads`,
  async (_, accept) => {
    const server = await ServerProcess.start({
      accept,
      descriptors,
      delay: 30,
      http: { keepAliveTimeout: 300, connectionsCheckingInterval: 100 },
    });
    const texts = await several(clients, clients, async () => {
      const socket = await connectSilent(server.port);
      socket.write(request);
      return (await readToEnd(socket)).text;
    });
    const answered = texts.filter((text) => good.test(text)).length;
    const refused = texts.filter((text) => text === "").length;
    const { ran, settled } = await server.counts();
    report(`${answered} answered, ${refused} refused by the system, ${ran} run`);
    expect(answered + refused).toBe(clients);
    expect({ ran, settled }).toEqual({ ran: answered, settled: answered });
    expect(answered).toBeGreaterThan(0);
    await expectWhole(server);
  },
  60_000,
);

test.each(acceptors)(
  `${clients} clients that stay and ${descriptors} descriptors: %s answers all that got in`,
  async (_, accept) => {
    const server = await ServerProcess.start({ accept, descriptors });
    const sockets = await several(clients, clients, () => connectSilent(server.port));
    let answered = 0;
    let ended = 0;
    for (const socket of sockets) {
      socket.once("data", () => answered++);
      socket.once("close", () => ended++);
      socket.on("end", () => socket.end());
      socket.resume();
      socket.write(request);
    }
    // The system may keep some in the backlog until others leave.
    await until("a response to every connection that the server has", 10_000, async () => {
      const { connections, settled } = await server.counts();
      return connections > 0 && settled === connections && answered === settled;
    });
    const { ran, settled, connections } = await server.counts();
    report(`${connections} connections, ${answered} answered, ${ended} refused by the system`);
    expect(settled).toBe(ran);
    for (const socket of sockets) socket.destroy();
    await expectWhole(server);
  },
  60_000,
);

test.each(acceptors)(
  "no descriptor left for anybody, then some: %s goes on",
  async (_, accept) => {
    const server = await ServerProcess.start({ accept, descriptors });
    expect(await get(server.port)).toBe(200);
    await server.ask("hoard", descriptors);
    const refused = several(20, 20, () => get(server.port));
    await new Promise((resolve) => setTimeout(resolve, 300));
    await server.ask("release", 0);
    const statuses = await refused;
    report(`${statuses.filter((status) => status === 0).length} of 20 refused, then whole again`);
    expect(statuses.filter((status) => status !== 200 && status !== 0)).toEqual([]);
    await expectWhole(server);
  },
  60_000,
);

test("shouldAcceptRequest says what is true, whatever was asked before", async () => {
  const server = await ServerProcess.start({ accept: "nobody", descriptors });
  const wrong: string[] = [];
  const check = async (hoarded: number): Promise<void> => {
    for (const assumed of [5, 0, 1, 20]) {
      const { says, open, limit } = await server.ask<Room>("room", assumed);
      // One more is open while the open ones are counted, so that either is true at the border itself.
      const room = limit - open - assumed;
      if (Math.abs(room) > 1 && says !== room > 0)
        wrong.push(`${hoarded} hoarded, ${open} open, assumed ${assumed}: ${says}`);
    }
  };
  const free = await server.ask<Room>("room", 5);
  const most = free.limit - free.open - 3;
  for (let hoarded = 0; hoarded <= most; hoarded++) {
    await server.ask("hoard", hoarded);
    await check(hoarded);
  }
  for (let hoarded = most; hoarded >= 0; hoarded -= 7) {
    await server.ask("release", hoarded);
    await check(hoarded);
  }
  for (const hoarded of [0, most, 0, most]) {
    await server.ask("release", hoarded);
    await server.ask("hoard", hoarded);
    await check(hoarded);
  }
  report(`${wrong.length} wrong responses`);
  expect(wrong).toEqual([]);
});

test.each([1, 5, 20])("what shouldAcceptRequest(%d) has said yes to can be opened", async (assumed) => {
  const server = await ServerProcess.start({ accept: "nobody", descriptors });
  const { refused, opened } = await server.ask<{ refused: number; opened: number }>("useRoom", assumed);
  report(`${opened} opened, ${refused} refused`);
  expect(refused).toBe(0);
  expect(opened).toBeGreaterThan(0);
});
