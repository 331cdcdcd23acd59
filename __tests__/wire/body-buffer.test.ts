import { BodyBuffer } from "../../lib/wire/body-buffer";
import type { Request } from "../../lib/index";
import { RawClient } from "../helpers/raw-client";
import { startServer, startServing } from "../helpers/servers";

/** Every byte value, in an order that differs from one 256 bytes to the next. */
function bytes(length: number): Buffer {
  const all = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) all[i] = (i * 7 + (i >> 8)) & 0xff;
  return all;
}

function cut(whole: Buffer, size: number): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < whole.length; at += size) parts.push(whole.subarray(at, at + size));
  return parts;
}

describe("BodyBuffer", () => {
  const lengths = [0, 1, 63, 64, 65, 4095, 4096, 4097, 65_535, 65_536, 65_537, 200_000];
  const chunks = [7, 64, 4095, 4096, 65_536, 200_000];
  const rows = lengths.flatMap((length) => chunks.map((chunk): [number, number] => [length, chunk]));

  test.each(rows)("%i bytes in chunks of %i, announced and not", (length, chunk) => {
    const whole = bytes(length);
    for (const announced of [length, -1]) {
      const buffer = new BodyBuffer(announced);
      for (const part of cut(whole, chunk)) buffer.append(Buffer.from(part));
      expect(buffer.length).toBe(length);
      expect(buffer.take().equals(whole)).toBe(true);
    }
  });

  test("small and large chunks by turns keep their order", () => {
    const whole = bytes(50_000);
    const buffer = new BodyBuffer(-1);
    let at = 0;
    for (let size = 1; at < whole.length; size = size === 1 ? 5_000 : size === 5_000 ? 100 : 1) {
      buffer.append(Buffer.from(whole.subarray(at, at + size)));
      at += size;
    }
    expect(buffer.take().equals(whole)).toBe(true);
  });

  test("small chunks are copied, so that none of them keeps a large packet alive", () => {
    const packet = bytes(65_536);
    const buffer = new BodyBuffer(-1);
    buffer.append(packet.subarray(0, 10));
    buffer.append(packet.subarray(10, 20));
    packet.fill(0);
    expect(buffer.take().equals(bytes(20))).toBe(true);
  });

  test("a body in one chunk is that chunk", () => {
    const chunk = bytes(100);
    const buffer = new BodyBuffer(100);
    buffer.append(chunk);
    expect(buffer.take()).toBe(chunk);
  });

  test("a client that announces much and sends little gets memory for little", () => {
    const alloc = jest.spyOn(Buffer, "allocUnsafeSlow");
    const buffer = new BodyBuffer(8_000_000);
    buffer.append(Buffer.from("x"));
    buffer.append(bytes(900_000));
    expect(Math.max(0, ...alloc.mock.calls.map(([size]) => size))).toBeLessThan(1_000);
    buffer.append(bytes(3_000_000));
    expect(alloc).not.toHaveBeenCalledWith(8_000_000);
    buffer.append(bytes(100_000));
    expect(alloc).toHaveBeenLastCalledWith(8_000_000);
    alloc.mockRestore();
  });
});

const maxBody = 300_000;

function echoBytes(request: Request): Promise<void> {
  return request.respond(200, request.rawBody);
}

function withLength(body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n`), body]);
}

function chunked(body: Buffer, size = 10_000): Buffer {
  const parts = cut(body, size).flatMap((part) => [
    Buffer.from(`${part.length.toString(16)}\r\n`),
    part,
    Buffer.from("\r\n"),
  ]);
  const head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  return Buffer.concat([Buffer.from(head), ...parts, Buffer.from("0\r\n\r\n")]);
}

const framings: ReadonlyArray<[name: string, frame: (body: Buffer) => Buffer]> = [
  ["Content-Length", withLength],
  ["chunked", (body) => chunked(body)],
];

describe("bodies come back byte for byte", () => {
  const lengths = [0, 1, 255, 256, 257, 4096, 65_535, 65_536, 65_537, maxBody - 1, maxBody];
  const rows = framings.flatMap(([framing, frame]) => lengths.map((length) => ({ framing, frame, length })));

  test.each(rows)("$length bytes, $framing", async ({ frame, length }) => {
    const server = await startServing(echoBytes, { maxBody });
    const body = bytes(length);
    const client = await RawClient.connect(server);
    await client.send(frame(body));
    const [response] = await client.read(1);
    expect([response?.status, response?.body.length]).toEqual([200, body.length]);
    expect(response?.body.equals(body)).toBe(true);
  });

  test("5,000 bytes, each of them a chunk", async () => {
    const server = await startServing(echoBytes);
    const client = await RawClient.connect(server);
    await client.send(chunked(bytes(5_000), 1));
    expect((await client.read(1))[0]?.body.equals(bytes(5_000))).toBe(true);
  });

  test("8 MiB, the default maxBody, and one byte more", async () => {
    const server = await startServing(echoBytes);
    const body = bytes(8_388_608);
    const response = await fetch(server.url, { method: "POST", body });
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
    const client = await RawClient.connect(server);
    await client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8388609\r\n\r\n");
    expect((await client.end()).map(({ status }) => status)).toEqual([413]);
  });
});

describe("maxBody", () => {
  const rows = [0, 1, 100, 70_000].flatMap((limit) => framings.map(([framing, frame]) => ({ limit, framing, frame })));

  test.each(rows)("$limit: exactly that passes, one more gets 413 ($framing)", async ({ limit, frame }) => {
    const handed: number[] = [];
    const server = await startServing(
      (request) => {
        handed.push(request.rawBody.length);
        return echoBytes(request);
      },
      { maxBody: limit },
    );
    const fits = await RawClient.connect(server);
    await fits.send(frame(bytes(limit)));
    const [response] = await fits.read(1);
    expect([response?.status, response?.body.equals(bytes(limit))]).toEqual([200, true]);
    const exceeds = await RawClient.connect(server);
    await exceeds.send(frame(bytes(limit + 1)));
    const responses = await exceeds.end();
    expect(responses.map(({ status, body }) => [status, body.toString()])).toEqual([
      [413, "413 Request Entity Too Large"],
    ]);
    expect(handed).toEqual([limit]);
  });

  test("of 0 passes a request without a body", async () => {
    const server = await startServing(echoBytes, { maxBody: 0 });
    expect((await fetch(server.url)).status).toBe(200);
  });

  test("a client that sends all before it reads sees the 413", async () => {
    const server = await startServing(echoBytes, { maxBody: 10 });
    for (const frame of [withLength, chunked]) {
      const client = await RawClient.connect(server);
      client.socket.pause();
      await client.send(frame(bytes(20_000_000)));
      client.half();
      client.socket.resume();
      expect((await client.end()).map(({ status }) => status)).toEqual([413]);
    }
  });

  test("the 413 comes before the whole was sent, whether somebody waits or not", async () => {
    const server = await startServer({ maxBody: 10 });
    const client = await RawClient.connect(server);
    await client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    await client.send(`b\r\n${"x".repeat(11)}\r\n`);
    expect((await client.end()).map(({ status }) => status)).toEqual([413]);
  });

  test("with Expect the 413 comes instead of the 100", async () => {
    const server = await startServing(echoBytes, { maxBody: 10 });
    const client = await RawClient.connect(server);
    await client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
    expect((await client.end()).map(({ status }) => status)).toEqual([413]);
  });
});
