import { closeClients, connectSilent, meanwhile, several } from "./clients";
import { ServerProcess, stopServerProcesses } from "./server-process";
import { inMiB, MiB, report, size } from "./sizes";
import { framings, piece, send, uploadAll } from "./uploads";

const clients = size("SOAK_UPLOADS", 300, 40);
const uploadSize = 64 * MiB;
const width = 8;
/** Less than a quarter of what is on its way at any time. */
const memoryLimit = (width * uploadSize) / 4;

afterEach(async () => {
  closeClients();
  await stopServerProcesses();
});

/** What the server is, and how it refuses an upload. */
const refusals = [
  {
    how: "413 by maxBody",
    options: {},
    path: "/upload",
    status: "413 Request Entity Too Large",
    content: "413 Request Entity Too Large",
  },
  {
    how: "an early 401 (stream)",
    options: { stream: true },
    path: "/refuse",
    status: "401 Unauthorized",
    content: "who?",
  },
  {
    how: "an early 401 behind the first bytes (stream)",
    options: { stream: true },
    path: "/refuse/later",
    status: "401 Unauthorized",
    content: "who?",
  },
];
const rows = refusals.flatMap((refusal) => framings.map((framing) => ({ ...refusal, framing, name: framing.name })));

test.each(rows)(
  `${clients} of ${clients} clients that send 64 MiB in $name before they read see $how`,
  async ({ options, path, status, content, framing }) => {
    const server = await ServerProcess.start({ accept: "serve", ...options });
    const upload = async (): Promise<string> => {
      const { sent, text, end } = await uploadAll(server.port, path, framing, uploadSize);
      if (sent < uploadSize) return `cut after ${sent} bytes`;
      return `${text.split("\r\n")[0]}, ${text.split("\r\n\r\n")[1]}, ${end}`;
    };
    const expected = `HTTP/1.1 ${status}, ${content}, eof`;
    await several(width, width, upload);
    const before = await server.memory();
    const work = several(clients, width, upload);
    const others = await meanwhile(server.port, work);
    const outcomes = await work;
    const peak = await server.peak();
    const growth = peak.rss - before.rss;
    const seen = outcomes.filter((outcome) => outcome === expected).length;
    report(
      `${seen} of ${clients}, peak +${inMiB(growth)}, ${others.served} other requests, slowest ${others.slowest} ms`,
    );
    expect(outcomes.filter((outcome) => outcome !== expected)).toEqual([]);
    expect(growth).toBeLessThan(memoryLimit);
    expect((await server.counts()).errors).toBe(0);
  },
  600_000,
);

/** Far more than the 256 MiB that a refused client may still send; kernels hold a few MiB besides. */
const drained = 288 * MiB;

test.each(framings)(
  "a refused client that sends in $name for ever is cut after 256 MiB",
  async ({ header, unit }) => {
    const server = await ServerProcess.start({ accept: "serve" });
    const socket = await connectSilent(server.port);
    const before = await server.memory();
    await send(socket, `POST /upload HTTP/1.1\r\nHost: h\r\n${header(99_999_999_999)}\r\n\r\n`);
    let sent = 0;
    while (sent < 2 * drained && (await send(socket, unit))) sent += piece.length;
    const peak = await server.peak();
    report(`cut after ${inMiB(sent)}, peak +${inMiB(peak.rss - before.rss)}`);
    expect(sent).toBeLessThan(drained);
    expect(peak.rss - before.rss).toBeLessThan(memoryLimit);
  },
  60_000,
);

test("a refused client that goes on slowly is cut after 30 s", async () => {
  const server = await ServerProcess.start({ accept: "serve" });
  const socket = await connectSilent(server.port);
  await send(socket, "POST /upload HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n");
  const start = Date.now();
  while (Date.now() - start < 45_000 && (await send(socket, "x")))
    await new Promise((resolve) => setTimeout(resolve, 100));
  const seconds = (Date.now() - start) / 1000;
  report(`cut after ${seconds.toFixed(1)} s`);
  expect(seconds).toBeGreaterThan(25);
  expect(seconds).toBeLessThan(40);
}, 60_000);
