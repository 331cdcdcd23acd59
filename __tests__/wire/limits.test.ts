import { shareParityApp, startParityApp } from "../helpers/parity-app";
import { RawClient } from "../helpers/raw-client";
import { get, postLines } from "../helpers/servers";
import {
  chunked,
  echoOf,
  expectErrorResponse,
  expectExchange,
  expectRefused,
  expectServed,
  smuggled,
} from "../helpers/wire-case";

const app = shareParityApp();

describe("many header fields", () => {
  const roomy = { http: { maxHeaderSize: 1024 * 1024 } };
  const lines = (count: number): string[] => Array.from({ length: count }, (_, i) => `x-${i}: ${i}`);

  test.each([1_000, 1_001, 2_000, 2_001, 9_999])("%d besides Host all arrive", async (count) => {
    const large = await startParityApp(roomy);
    const client = await RawClient.connect(large.server);
    await client.send(get("/g", ...lines(count)));
    const [response] = await client.read(1);
    expect(echoOf(response).headers.map(([name, value]) => `${name}: ${value}`)).toEqual(["host: h", ...lines(count)]);
  });

  test.each([
    ["10,000 besides Host", lines(10_000)],
    ["10,000 of one name besides Host", lines(10_000).fill("X-A: v")],
    ["20,000", lines(20_000)],
  ])("%s: 431", async (_name, many) => {
    const large = await startParityApp(roomy);
    const { responses } = await expectExchange(large, {
      send: get("/g", ...many) + smuggled,
      statuses: [431],
      end: "gone",
      ran: [],
    });
    expectErrorResponse(responses[0]);
  });

  test("1,500 short ones fit into the default limit of 16 KiB and all arrive", async () => {
    const echo = await expectServed(app, get("/g", ...Array<string>(1_500).fill("a:b")), "GET /g");
    expect(echo.headers).toHaveLength(1_501);
  });

  test.each([
    ["one line of 16,000 bytes", [`X-A: ${"v".repeat(15_995)}`], 200],
    ["one line of 17,000 bytes", [`X-A: ${"v".repeat(16_995)}`], 431],
    ["a name of 17,000 bytes", [`${"N".repeat(17_000)}: v`], 431],
    // Node counts names and values, not what stands between them.
    ["names and values of 17,000 bytes in 1,700 lines", Array<string>(1_700).fill("abcde: fghij"), 431],
  ] as const)("the default limit of 16 KiB for the head: %s", async (_name, many, status) => {
    const send = get("/g", ...many);
    if (status === 200) await expectServed(app, send, "GET /g");
    else await expectExchange(app, { send, statuses: [status], end: "gone", ran: [] });
  });

  test("431 for 4 MiB of header fields is seen although the client reads only when it has sent them", async () => {
    const client = await RawClient.connect(app.server);
    client.socket.pause();
    await client.send(get("/g", "abc: defg\r\n".repeat(400_000)));
    client.socket.resume();
    expectErrorResponse((await client.read(1))[0]);
    expect(client.responses[0]?.status).toBe(431);
  });
});

describe("maxBody", () => {
  const mebibyte = Buffer.alloc(1024 * 1024, "a");

  /** Sends as fast as it can and reads nothing until it is done. */
  async function flood(
    client: RawClient,
    head: string,
    packet: Uint8Array,
    count: number,
    tail: string,
  ): Promise<void> {
    client.socket.pause();
    await client.send(head);
    for (let i = 0; i < count; i++) await client.send(packet);
    await client.send(tail);
    client.socket.resume();
  }

  test.each([
    ["a length", postLines("/p", [`Content-Length: ${64 * mebibyte.length}`], ""), mebibyte, ""],
    ["chunks", postLines("/p", [chunked], ""), Buffer.from(`100000\r\n${mebibyte.toString()}\r\n`), "0\r\n\r\n"],
  ])("413 is seen by a client that sends 64 MiB with %s before it reads", async (_name, head, packet, tail) => {
    const client = await RawClient.connect(app.server);
    app.ran.length = 0;
    await flood(client, head, packet, 64, tail);
    const responses = await client.read(1);
    expect(responses.map((response) => response.status)).toEqual([413]);
    expectErrorResponse(responses[0]);
    await client.end();
    expect(app.ran).toEqual([]);
  });

  test.each([
    ["Content-Length: 2^63", "Content-Length: 9223372036854775808"],
    ["Content-Length: 2^64", "Content-Length: 18446744073709551616"],
    ["Content-Length: 10^30", `Content-Length: 1${"0".repeat(30)}`],
  ])("%s: 413", async (_name, line) => {
    await expectRefused(app, postLines("/p", [line], "hello"), 413);
  });

  const limits = [0, 1, 5].flatMap((maxBody) => [maxBody, maxBody + 1].map((size) => ({ maxBody, size })));

  test.each(limits)("$size bytes with maxBody $maxBody", async ({ maxBody, size }) => {
    const small = await startParityApp({ maxBody });
    const data = "x".repeat(size);
    const inChunks = `${[...data].map((byte) => `1\r\n${byte}\r\n`).join("")}0\r\n\r\n`;
    for (const send of [postLines("/p", [`Content-Length: ${size}`], data), postLines("/p", [chunked], inChunks)]) {
      if (size > maxBody) {
        await expectExchange(small, { send: send + smuggled, statuses: [413], end: "gone", ran: [] });
      } else {
        const { responses } = await expectExchange(small, { send, statuses: [200], end: "open", ran: ["POST /p"] });
        expect(echoOf(responses[0]).bodyLen).toBe(size);
      }
    }
  });

  test("413 waits for the responses before it, and the request before it keeps its body", async () => {
    const send =
      postLines("/slow", ["Content-Length: 5"], "hello") +
      postLines("/p", ["Content-Length: 8388609"], "hello") +
      smuggled;
    await expectExchange(app, { send, statuses: [200, 413], end: "gone", ran: ["POST /slow"] });
  });
});
