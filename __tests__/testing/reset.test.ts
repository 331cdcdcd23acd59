import { startTestServer, type TestServer } from "../../lib/testing/index";
import { get, post, rejectionOf, send } from "../helpers/servers";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

async function arrivals(count: number): Promise<void> {
  while (server.requests.length < count) await new Promise((resolve) => setImmediate(resolve));
}

test("what came is forgotten, what is queued gets 410, and the next request is the next", async () => {
  const left = fetch(`${server.url}/left`);
  await arrivals(1);
  await server.reset();
  expect(server.requests).toEqual([]);
  expect((await left).status).toBe(410);
  const reply = fetch(`${server.url}/next`);
  const request = await server.acceptRequest({ while: reply });
  expect(request.url.path).toBe("/next");
  await request.respond(204);
  expect((await reply).status).toBe(204);
  expect(server.requests).toEqual([request]);
});

test("a request that was accepted gets 410, too; to answer it later does nothing", async () => {
  const left = fetch(server.url);
  const request = await server.acceptRequest({ while: left });
  await server.reset();
  expect((await left).status).toBe(410);
  await request.respond(200);
});

test("a body that is not whole does not become the next test's request", async () => {
  const client = await send(server, post("/half", "ha", 4));
  const other = await send(server, get("/whole"));
  await arrivals(1);
  await server.reset();
  expect((await client.end()).map(({ status }) => status)).toEqual([410]);
  expect((await other.end()).map(({ status }) => status)).toEqual([410]);
  await client.send("lf").catch(() => {});
  expect(await rejectionOf(server.acceptRequest({ timeout: 20 }))).toMatchObject({ code: "ERR_ACCEPT_TIMEOUT" });
});

test("a connection on which nothing is open stays", async () => {
  const client = await send(server, get("/1"));
  await (await server.acceptRequest()).respond(200);
  await client.read(1);
  await server.reset();
  await client.send(get("/2"));
  expect((await server.acceptRequest()).url.path).toBe("/2");
});

test("a wait that was left behind is rejected, and takes nothing; an iterator goes on", async () => {
  const next = server[Symbol.asyncIterator]().next();
  const wait = server.acceptRequest();
  await server.reset();
  const error = await rejectionOf(wait);
  expect(error).toMatchObject({ code: "ERR_SERVER_CLOSED", message: "the server was reset while this call waited" });
  await send(server, get("/for-the-iterator"));
  const step = await next;
  expect(step.done === true ? "" : step.value.url.path).toBe("/for-the-iterator");
});

test("the callback of serve stays; its error makes reset reject, once", async () => {
  const failure = new Error("the callback failed");
  void server.serve((request) => (request.url.path === "/ok" ? request.respond(200) : Promise.reject(failure)));
  await fetch(server.url);
  expect(await rejectionOf(server.reset())).toBe(failure);
  expect((await fetch(`${server.url}/ok`)).status).toBe(200);
  await server.reset();
});

test("the error of a wait does not tell what came before", async () => {
  void server.serve((request) => request.respond(404));
  await fetch(`${server.url}/before`);
  await server.reset();
  const { message } = await rejectionOf(server.acceptRequest({ timeout: 1 }));
  expect(message).not.toContain("/before");
});

test("a closed server can be reset", async () => {
  await server.close();
  await server.reset();
  expect(server.requests).toEqual([]);
});
