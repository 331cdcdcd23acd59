import { shareParityApp } from "../helpers/parity-app";
import { headerValues, RawClient } from "../helpers/raw-client";
import { expectErrorResponse, expectExchange, linesOf, plain, roundTrip, smuggled } from "../helpers/wire-case";

const app = shareParityApp();

describe("the Nim server's routes", () => {
  test.each([
    ["/noheaders", ["HTTP/1.1 200 OK", "Content-Length: 10"], "plain body"],
    ["/emptyheaders", ["HTTP/1.1 200 OK", "Content-Length: 10"], "plain body"],
    ["/emptybody", ["HTTP/1.1 200 OK", "Content-Length: 0"], ""],
    ["/customlen", ["HTTP/1.1 200 OK", "Content-Length: 0"], ""],
    ["/multi", ["HTTP/1.1 200 OK", "set-cookie: a=1", "set-cookie: b=2, c", "x-one: 1", "Content-Length: 5"], "multi"],
    ["/title", ["HTTP/1.1 200 OK", "X-Custom-Name: v", "Content-Length: 5"], "title"],
    ["/te", ["HTTP/1.1 200 OK", "transfer-encoding: chunked"], "chunked content"],
    ["/status/404", ["HTTP/1.1 404 Not Found", "Content-Length: 10"], "status 404"],
    ["/twice", ["HTTP/1.1 200 OK", "Content-Length: 5"], "first"],
  ] as const)("%s", async (path, head, content) => {
    const send = `GET ${path} ${plain}`;
    const { responses } = await expectExchange(app, {
      send,
      statuses: [Number(head[0].slice(9, 12))],
      end: "open",
      ran: [`GET ${path}`],
    });
    expect(linesOf(responses[0])).toEqual(head);
    expect(responses[0]?.body.toString()).toBe(content);
  });

  test.each(["/raise", "/raiselater"])("%s: 500 without the error's text, then close", async (path) => {
    const send = `GET ${path} ${plain}${smuggled}`;
    const { responses, errors } = await expectExchange(app, {
      send,
      statuses: [500],
      end: "eof",
      ran: [`GET ${path}`],
    });
    expectErrorResponse(responses[0]);
    expect(errors).toEqual([expect.objectContaining({ message: expect.stringMatching(/^raised/) as unknown })]);
  });

  test("/close: the response says so, and nothing more is run", async () => {
    const send = `GET /close ${plain}${smuggled}`;
    const { responses } = await expectExchange(app, { send, statuses: [200], end: "eof", ran: ["GET /close"] });
    expect(headerValues(responses[0]!, "connection")).toEqual(["close"]);
  });

  test("/noresponse: the connection waits, and the next request is not run", async () => {
    app.ran.length = 0;
    const client = await RawClient.connect(app.server);
    await client.send(`GET /noresponse ${plain}${smuggled}`);
    await roundTrip(app);
    expect(app.ran).toEqual(["GET /noresponse", "GET /in-step"]);
    expect({ state: client.state, responses: client.responses }).toEqual({ state: "open", responses: [] });
  });
});
