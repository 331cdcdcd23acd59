import { Readable } from "node:stream";
import type { AsyncHttpServer, Request } from "../../lib/index";
import { startServer } from "../helpers/servers";
import { answered, linesOf } from "../helpers/wire-case";

let server: AsyncHttpServer;

beforeEach(async () => {
  server = await startServer();
});

describe("two responses to one request", () => {
  const again: ReadonlyArray<readonly [name: string, respond: (request: Request) => Promise<unknown>]> = [
    ["respond", (request) => request.respond(200, "second")],
    ["respond with another status", (request) => request.respond(500, "second")],
    ["respond with a stream", (request) => request.respond(200, Readable.from(["second"]))],
    ["sendHeaders", (request) => request.sendHeaders({ "x-a": "1" })],
    ["an interim response", (request) => request.respond(102)],
  ];

  test.each(again)("%s behind respond", async (_name, second) => {
    const responses = await answered(server, async (request) => {
      await request.respond(200, "first");
      await expect(second(request)).rejects.toMatchObject({ name: "Error", code: "ERR_ALREADY_ANSWERED" });
    });
    expect(responses.map((response) => response.body.toString())).toEqual(["first"]);
  });

  test.each(again)("%s beside respond", async (_name, second) => {
    const responses = await answered(server, async (request) => {
      const [one, other] = await Promise.allSettled([request.respond(200, "first"), second(request)]);
      expect([one?.status, other?.status]).toEqual(["fulfilled", "rejected"]);
    });
    expect(responses.map((response) => response.body.toString())).toEqual(["first"]);
  });

  test.each([
    ["sendHeaders", (request: Request) => request.sendHeaders({ "x-a": "2" })],
    ["an interim response", (request: Request) => request.respond(103, "", { link: "x" })],
    ["respond with another status", (request: Request) => request.respond(404, "second")],
  ])("%s behind sendHeaders", async (_name, second) => {
    const [response] = await answered(server, async (request) => {
      await request.sendHeaders({ "x-a": "1" });
      await expect(second(request)).rejects.toMatchObject({ code: "ERR_ALREADY_ANSWERED" });
      await request.respond(200, "content");
    });
    expect([...linesOf(response).slice(0, 2), response?.body.toString()]).toEqual([
      "HTTP/1.1 200 OK",
      "x-a: 1",
      "content",
    ]);
  });
});
