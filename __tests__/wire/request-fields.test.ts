import type { AsyncHttpServer, HttpHeaders, Request } from "../../lib/index";
import { RawClient } from "../helpers/raw-client";
import { startServer } from "../helpers/servers";

let server: AsyncHttpServer;

beforeEach(async () => {
  server = await startServer();
});

/** The printable characters above ASCII. */
const latin1 = Array.from({ length: 0x60 }, (_, i) => String.fromCharCode(0xa0 + i)).join("");

describe("what is asked", () => {
  async function asked(lines: string): Promise<{ request: Request; headers: HttpHeaders; client: RawClient }> {
    const client = await RawClient.connect(server);
    await client.send(`GET / HTTP/1.1\r\nHost: h\r\n${lines}\r\n`);
    const request = await server.acceptRequest();
    return { request, headers: request.headers, client };
  }

  test.each([
    ["a value with commas stays one", "User-Agent: a, b (c, d)\r\n", ["user-agent", "a, b (c, d)"]],
    ["white space around a value is no part of it", "X-A: \t v w \t \r\n", ["x-a", "v w"]],
    ["every byte of latin1", `X-A: ${latin1}\r\n`, ["x-a", latin1]],
    ["a name of every token character", "!#$%&'*+-.^_`|~0aZ: v\r\n", ["!#$%&'*+-.^_`|~0az", "v"]],
    ["__proto__", "__proto__: v\r\n", ["__proto__", "v"]],
    ["constructor", "Constructor: v\r\n", ["constructor", "v"]],
  ])("%s", async (_name, line, pair) => {
    const { request, headers, client } = await asked(line);
    expect([...headers]).toEqual([["host", "h"], pair]);
    await request.respond(200);
    await client.read(1);
  });
});
