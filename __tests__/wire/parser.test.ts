import { RawClient } from "../helpers/raw-client";
import { get, startServing } from "../helpers/servers";

/**
 * What Node's parser decides before the library sees a request, as docs/nim-differences.md says it: a new version of Node
 * that decides otherwise shows here.
 */
const version = Number(process.versions.node.split(".")[0]);

const chunked = (chunks: string): string => `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`;
const extended = (extension: string, size = "5"): string => chunked(`${size}${extension}\r\nhello\r\n0\r\n\r\n`);
const sized = (length: string): string => `POST / HTTP/1.1\r\nHost: h\r\nContent-Length:${length}\r\n\r\nhello`;

async function statusesOf(bytes: string, count: number): Promise<number[]> {
  const server = await startServing((request) => request.respond(200, request.body));
  const client = await RawClient.connect(server);
  await client.send(bytes);
  return (await client.read(count)).map(({ status }) => status);
}

describe("chunk extensions (RFC 9112 7.1.1)", () => {
  test.each<[extension: string, status: number]>([
    [";a", 200],
    [";a=b", 200],
    [';a="b;c"', 200],
    [";a;b=c", 200],
    ["; a=b", 400],
    [" ;a=b", 400],
    [";a = b", 400],
    [";a=b ", 400],
    [" ", 400],
    [";", 400],
  ])("%j: %i", async (extension, status) => {
    expect(await statusesOf(extended(extension), 1)).toEqual([status]);
  });

  test.each([
    [16_384, 200],
    [16_385, 413],
  ])("of %i bytes: %i", async (length, status) => {
    expect(await statusesOf(extended(`;${"a".repeat(length)}`), 1)).toEqual([status]);
  });

  test("of several chunks count each for itself", async () => {
    const chunk = `1;${"a".repeat(16_000)}\r\nx\r\n`;
    expect(await statusesOf(chunked(`${chunk}${chunk}${chunk}0\r\n\r\n`), 1)).toEqual([200]);
  });
});

describe("in front of a request line (RFC 9112 2.2)", () => {
  test.each(["\r\n", "\r\n\r\n\r\n", "\n", "\n\n", "\r", "\r\r", "\r\r\n", "\n\r"])("%j is skipped", async (before) => {
    expect(await statusesOf(before + get("/"), 1)).toEqual([200]);
    expect(await statusesOf(get("/") + before + get("/"), 2)).toEqual([200, 200]);
  });

  test("a space: 400", async () => {
    expect(await statusesOf(` ${get("/")}`, 1)).toEqual([400]);
  });
});

describe("white space around the number in Content-Length (RFC 9112 5.1)", () => {
  test.each(["5", " 5", "\t5", " 5 ", "  5  "])("%j is dropped", async (length) => {
    expect(await statusesOf(sized(length), 1)).toEqual([200]);
  });

  const behind = version === 20 ? 400 : 200;
  test.each([" 5\t", "\t5\t", " 5 \t"])(`%j, a tab behind it: ${behind} on Node ${version}`, async (length) => {
    expect(await statusesOf(sized(length), 1)).toEqual([behind]);
  });
});
