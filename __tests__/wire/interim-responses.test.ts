import type { AsyncHttpServer, Request } from "../../lib/index";
import { startServer } from "../helpers/servers";
import { answered, linesOf } from "../helpers/wire-case";

let server: AsyncHttpServer;

beforeEach(async () => {
  server = await startServer();
});

describe("interim responses (9110 15.2)", () => {
  test("100, 102 and 103 go first, without content or length; then the final one", async () => {
    const responses = await answered(server, async (request) => {
      await request.respond(100, "not sent");
      await request.respond(102, "not sent", { "Content-Length": "8" });
      await request.respond(103, "not sent", [
        ["Link", "</a.css>; rel=preload"],
        ["Link", "</b.js>; rel=preload"],
      ]);
      await request.respond(200, "final");
    });
    expect(responses.slice(0, 3).map(linesOf)).toEqual([
      ["HTTP/1.1 100 Continue"],
      ["HTTP/1.1 102 Processing"],
      ["HTTP/1.1 103 Early Hints", "link: </a.css>; rel=preload", "link: </b.js>; rel=preload"],
    ]);
    expect(responses.map((response) => response.body.toString())).toEqual(["", "", "", "final"]);
  });

  test("none to HTTP/1.0", async () => {
    const respond = async (request: Request): Promise<void> => {
      await request.respond(103, "", { Link: "</a.css>; rel=preload" });
      await request.respond(200, "final");
    };
    const responses = await answered(server, respond, "GET", "HTTP/1.0");
    expect(responses.map((response) => response.status)).toEqual([200]);
  });

  test("one behind the final response is an error, and nothing is written", async () => {
    const responses = await answered(server, async (request) => {
      await request.respond(200, "final");
      await expect(request.respond(103)).rejects.toMatchObject({ code: "ERR_ALREADY_ANSWERED" });
    });
    expect(responses.map((response) => response.status)).toEqual([200]);
  });
});
