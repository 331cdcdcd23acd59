import type { AsyncHttpServer, Request } from "../../lib/index";
import type { Echo, ParityApp } from "./parity-app";
import { headerValues, RawClient, type ConnectionState, type RawResponse } from "./raw-client";
import { get } from "./servers";

// In the titles of tests, "9110" and "9112" are the RFCs of that number.

/** One status, or any one of several where each is right. */
export type Status = number | readonly number[];

/**
 * `open`: one more request on the connection is answered. `gone`: ended by the server, `eof` unless it had bytes unread.
 * `switched`: left to another protocol.
 */
export type End = "open" | "eof" | "gone" | "switched";

/** What a client sends on a fresh connection, and what must come of it. */
export interface Exchange {
  /** The bytes, as latin1; several packets are sent one by one, each when the one before has been read. */
  readonly send: string | readonly string[];
  /** Shuts the sending side behind the bytes. */
  readonly half?: boolean;
  /** The methods of the requests, as far as they are not GET and decide the framing of the responses. */
  readonly methods?: readonly string[];
  /** Every response in order, interim ones too. */
  readonly statuses: readonly Status[];
  readonly end: End;
  /** Every request that reached the handler, as `METHOD target`. */
  readonly ran: readonly string[];
}

export interface Outcome {
  readonly responses: readonly RawResponse[];
  readonly end: ConnectionState;
  readonly ran: readonly string[];
  readonly errors: readonly unknown[];
}

/** What follows a method and a target in the simplest request. */
export const plain = "HTTP/1.1\r\nHost: h\r\n\r\n";

export const chunked = "Transfer-Encoding: chunked";

/** A request that must not be run: the bytes before it end the connection, or it is part of them. */
export const smuggled = get("/smuggled");

const inStep = get("/in-step");

/** The fields of the request that the echo route answered. */
export function echoOf(response: RawResponse | undefined): Echo {
  return JSON.parse(response?.body.toString() ?? "") as Echo;
}

/** A good request on a connection of its own: the process lives, and whatever was sent before has been read. */
export async function roundTrip(app: ParityApp): Promise<void> {
  const client = await RawClient.connect(app.server);
  await client.send(inStep);
  const [response] = await client.read(1);
  expect(echoOf(response).url["path"]).toBe("/in-step");
  client.destroy();
}

/**
 * Plays a case until as many final responses are there as are expected and the connection has ended, or proves open.
 *
 * Afterwards the server still serves others, and it has run nothing more of the case.
 */
export async function outcomeOf(
  app: ParityApp,
  methods: readonly string[],
  play: (client: RawClient) => Promise<void>,
  finals: number,
  end: End | "client-rst",
): Promise<Outcome> {
  const client = await RawClient.connect(app.server, methods);
  app.ran.length = app.errors.length = 0;
  await play(client);
  const responses = end === "open" || end === "switched" ? await client.read(finals) : await client.end();
  const ofTheCase = (): string[] => app.ran.filter((line) => line !== "GET /in-step");
  const outcome = { responses, end: client.state, ran: ofTheCase(), errors: [...app.errors] };
  if (end === "open") {
    await client.send(inStep);
    const after = await client.read(finals + 1);
    expect(after).toHaveLength(responses.length + 1);
    expect(echoOf(after.at(-1)).url["path"]).toBe("/in-step");
  }
  await roundTrip(app);
  if (end !== "client-rst") expect(ofTheCase()).toEqual(outcome.ran);
  return outcome;
}

/** Plays an exchange and checks every part of it. */
export async function expectExchange(app: ParityApp, exchange: Exchange): Promise<Outcome> {
  const { send, half, methods = [], statuses, end, ran } = exchange;
  const packets = typeof send === "string" ? [send] : send;
  const play = async (client: RawClient): Promise<void> => {
    for (const [i, packet] of packets.entries()) {
      if (i > 0) await roundTrip(app);
      await client.send(packet);
    }
    if (half === true) client.half();
  };
  const outcome = await outcomeOf(app, methods, play, countFinals(statuses), end);
  expectStatuses(outcome.responses, statuses);
  if (end === "eof" || end === "open") expect(outcome.end).toBe(end);
  expect(outcome.ran).toEqual(ran);
  return outcome;
}

export function countFinals(statuses: readonly Status[]): number {
  return statuses.filter((status) => typeof status !== "number" || status >= 200 || status === 101).length;
}

/** The statuses are these and no more; each error response of the library has its form, and every response is whole. */
export function expectStatuses(responses: readonly RawResponse[], expected: readonly Status[]): void {
  const actual = responses.map((response) => response.status);
  const wanted = expected.map((status, i) => {
    const one = actual[i] ?? 0;
    return typeof status !== "number" && status.includes(one) ? one : status;
  });
  expect(actual).toEqual(wanted);
  expect(responses.every((response) => response.whole)).toBe(true);
}

/** Nim's phrases of the responses that the library itself gives. */
const phrases: Readonly<Record<number, string>> = {
  400: "Bad Request",
  408: "Request Timeout",
  413: "Request Entity Too Large",
  414: "Request-URI Too Long",
  417: "Expectation Failed",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  505: "HTTP Version Not Supported",
};

/** An error response of the library: its status in words, and the word that the connection ends. */
export function expectErrorResponse(response: RawResponse | undefined, content?: string): void {
  const status = expectStatusLine(response);
  const text = content ?? status;
  expect(response?.body.toString()).toBe(text);
  expect(headerValues(response!, "content-type")).toEqual(["text/plain"]);
  expect(headerValues(response!, "content-length")).toEqual([String(text.length)]);
}

/** An error response to what may have been a HEAD, for all that the library knows: nothing behind the head, nothing on a length. */
export function expectBareErrorResponse(response: RawResponse | undefined): void {
  expectStatusLine(response);
  expect(response?.body.toString()).toBe("");
  expect([...headerValues(response!, "content-type"), ...headerValues(response!, "content-length")]).toEqual([]);
}

function expectStatusLine(response: RawResponse | undefined): string {
  if (response === undefined) throw new Error("no response");
  const status = `${response.status} ${phrases[response.status]}`;
  expect(response.head.split("\r\n")[0]).toBe(`HTTP/1.1 ${status}`);
  expect(headerValues(response, "connection")).toEqual(["close"]);
  return status;
}

/** One request is served, and the connection is in step behind it. */
export async function expectServed(app: ParityApp, send: Exchange["send"], ran: string): Promise<Echo> {
  const { responses } = await expectExchange(app, { send, statuses: [200], end: "open", ran: [ran] });
  return echoOf(responses[0]);
}

/** One error response, then the end; nothing was run. */
export async function expectRefused(app: ParityApp, send: Exchange["send"], ...statuses: number[]): Promise<void> {
  const { responses } = await expectExchange(app, { send, statuses: [statuses], end: "eof", ran: [] });
  expectErrorResponse(responses[0]);
}

/** Sends one request, lets the test answer it, and checks that the connection is in step behind the response. */
export async function answered(
  server: AsyncHttpServer,
  respond: (request: Request) => Promise<unknown>,
  method = "GET",
  version = "HTTP/1.1",
): Promise<RawResponse[]> {
  const client = await RawClient.connect(server, [method]);
  const keep = version === "HTTP/1.0" ? "Connection: keep-alive\r\n" : "";
  await client.send(`${method} /asked ${version}\r\nHost: h\r\n${keep}\r\n`);
  await respond(await server.acceptRequest());
  const responses = await client.read(1);
  await client.send(inStep);
  const next = await server.acceptRequest();
  expect(next.url.path).toBe("/in-step");
  await next.respond(200, "in step");
  const all = await client.read(2);
  expect(all).toHaveLength(responses.length + 1);
  expect(all.at(-1)?.body.toString()).toBe("in step");
  return responses;
}

/** What Node adds to every response; the contract does not fix it. */
const added = new Set(["date", "connection", "keep-alive"]);

/** Status line and header fields in wire order, without those that Node adds. */
export function linesOf(response: RawResponse | undefined): string[] {
  const [status = "", ...lines] = response?.head.split("\r\n") ?? [];
  return [status, ...lines.filter((line) => !added.has(line.slice(0, line.indexOf(":")).toLowerCase()))];
}
