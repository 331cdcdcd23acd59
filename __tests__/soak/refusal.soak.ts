import type { Socket } from "node:net";
import { closeClients, connectSilent, meanwhile, readToEnd, several } from "./clients";
import { ServerProcess, stopServerProcesses } from "./server-process";
import { inMiB, MiB, report, size } from "./sizes";

const clients = size("SOAK_UPLOADS", 300, 40);
const uploadSize = 64 * MiB;
const piece = Buffer.alloc(MiB, "x");
const width = 8;
/** Less than a quarter of what is on its way at any time. */
const memoryLimit = (width * uploadSize) / 4;

const framings: ReadonlyArray<[name: string, header: string, unit: Buffer, tail: string]> = [
  ["Content-Length", `Content-Length: ${uploadSize}`, piece, ""],
  [
    "chunks",
    "Transfer-Encoding: chunked",
    Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]),
    "0\r\n\r\n",
  ],
];

afterEach(async () => {
  closeClients();
  await stopServerProcesses();
});

/** Sends as fast as the connection takes it; `false` when the connection is gone. */
function send(socket: Socket, bytes: Buffer | string): Promise<boolean> {
  return new Promise((resolve) => {
    const disconnected = (): void => resolve(false);
    socket.once("close", disconnected);
    socket.write(bytes, (error) => {
      socket.removeListener("close", disconnected);
      resolve(error === undefined || error === null);
    });
  });
}

test.each(framings)(`${clients} of ${clients} clients that send 64 MiB in %s before they read see the 413`, async (_, header, unit, tail) => {
  const server = await ServerProcess.start({ accept: "serve" });
  const upload = async (): Promise<string> => {
    const socket = await connectSilent(server.port);
    await send(socket, `POST /upload HTTP/1.1\r\nHost: h\r\n${header}\r\n\r\n`);
    for (let sent = 0; sent < uploadSize; sent += piece.length) {
      if (!(await send(socket, unit))) return `cut after ${sent} bytes`;
    }
    if (tail !== "") await send(socket, tail);
    const { text, end } = await readToEnd(socket);
    return `${text.split("\r\n")[0]}, ${text.endsWith("\r\n\r\n413 Request Entity Too Large")}, ${end}`;
  };
  await several(width, width, upload);
  const before = await server.memory();
  const work = several(clients, width, upload);
  const others = await meanwhile(server.port, work);
  const outcomes = await work;
  const peak = await server.peak();
  const growth = peak.rss - before.rss;
  const seen = outcomes.filter((outcome) => outcome === "HTTP/1.1 413 Request Entity Too Large, true, eof").length;
  report(`${seen} of ${clients}, peak +${inMiB(growth)}, ${others.served} other requests, slowest ${others.slowest} ms`);
  expect(outcomes.filter((outcome) => outcome !== "HTTP/1.1 413 Request Entity Too Large, true, eof")).toEqual([]);
  expect(growth).toBeLessThan(memoryLimit);
  expect((await server.counts()).errors).toBe(0);
}, 600_000);

/** Far more than the 256 MiB that a refused client may still send; kernels hold a few MiB besides. */
const drained = 288 * MiB;

test.each(framings)("a refused client that sends in %s for ever is cut after 256 MiB", async (_, header, unit) => {
  const server = await ServerProcess.start({ accept: "serve" });
  const socket = await connectSilent(server.port);
  const before = await server.memory();
  await send(socket, `POST /upload HTTP/1.1\r\nHost: h\r\n${header.replace(String(uploadSize), "99999999999")}\r\n\r\n`);
  let sent = 0;
  while (sent < 2 * drained && (await send(socket, unit))) sent += piece.length;
  const peak = await server.peak();
  report(`cut after ${inMiB(sent)}, peak +${inMiB(peak.rss - before.rss)}`);
  expect(sent).toBeLessThan(drained);
  expect(peak.rss - before.rss).toBeLessThan(memoryLimit);
}, 60_000);

test("a refused client that goes on slowly is cut after 30 s", async () => {
  const server = await ServerProcess.start({ accept: "serve" });
  const socket = await connectSilent(server.port);
  await send(socket, "POST /upload HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n");
  const start = Date.now();
  while (Date.now() - start < 45_000 && (await send(socket, "x"))) await new Promise((resolve) => setTimeout(resolve, 100));
  const seconds = (Date.now() - start) / 1000;
  report(`cut after ${seconds.toFixed(1)} s`);
  expect(seconds).toBeGreaterThan(25);
  expect(seconds).toBeLessThan(40);
}, 60_000);
