import type { Socket } from "node:net";
import { startTestServer, type TestServer } from "../../lib/testing/index";
import {
  connectRaw,
  deferred,
  disconnected,
  get,
  post,
  postLines,
  rejectionOf,
  send,
  settle,
} from "../helpers/servers";

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
  await request.sendHeaders({});
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

test("half a head that was left behind is dropped, on a new connection and on one that was used", async () => {
  const fresh = await send(server, "GET /half HTTP/1.1\r\nHo");
  const used = await send(server, get("/1"));
  await (await server.acceptRequest()).respond(200);
  await used.read(1);
  await used.send("GET /half HTTP/1.1\r\nHo");
  await settle(server);
  await server.reset();
  await fresh.end();
  await used.end();
  expect(server.requests).toEqual([]);
});

test("a connection stays on which a whole upload came; one that has never asked for anything is ended", async () => {
  const { client: silent } = await connectRaw(server);
  const uploading = await startTestServer({ stream: true });
  try {
    const used = await send(uploading, postLines("/up", ["Content-Length: 10"], "half "));
    const request = await uploading.acceptRequest();
    const body = request.readBody();
    await used.send("whole");
    await body;
    await request.respond(200);
    await used.read(1);
    await Promise.all([server.reset(), uploading.reset()]);
    await silent.end();
    await used.send(get("/next"));
    expect((await uploading.acceptRequest()).url.path).toBe("/next");
  } finally {
    await uploading.close();
  }
});

test("a WebSocket of the test before is ended, whoever took it", async () => {
  const upgrade = get("/ws", "Connection: Upgrade", "Upgrade: x");
  const client = await send(server, upgrade);
  await (await server.acceptRequest()).respond(101, "", { Connection: "Upgrade", Upgrade: "x" });
  await client.read(1);
  const others = deferred();
  server.node.on("upgrade", (_request, socket: Socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    others.resolve();
  });
  const theirs = await send(server, upgrade);
  await others.promise;
  await server.reset();
  await client.end();
  await theirs.end();
});

test("an upload that was left behind is not read on", async () => {
  const { client, socket } = await connectRaw(server);
  await client.send(post("/up", "half", 1e6));
  await settle(server);
  await server.reset();
  expect((await client.read(1))[0]).toMatchObject({ status: 410 });
  await disconnected(socket);
}, 10_000);

test("a client that still sends behind its response is not read on", async () => {
  const { client, socket } = await connectRaw(server);
  await client.send(post("/refused", "", 1e9));
  expect((await client.read(1))[0]).toMatchObject({ status: 413 });
  await server.reset();
  await disconnected(socket);
}, 10_000);

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

test("a client that was called just before is waited for, not left to the next test", async () => {
  for (let count = 1; count <= 20; count++) {
    const left = fetch(`${server.url}/left`).catch(() => undefined);
    await server.reset();
    const reply = fetch(`${server.url}/next`);
    const request = await server.acceptRequest({ while: reply });
    expect(request.url.path).toBe("/next");
    await request.respond(204);
    await Promise.all([reply, left]);
    await server.reset();
  }
});

test("the handler of a request that got 410 is told by its signal", async () => {
  const left = fetch(server.url).catch(() => undefined);
  const request = await server.acceptRequest({ while: left });
  const { signal } = request;
  await server.reset();
  expect(signal.aborted).toBe(true);
  await left;
});

test("the report says of a client that was kept alive what it does now", async () => {
  const { client, socket } = await connectRaw(server);
  await client.send(get("/1"));
  await (await server.acceptRequest()).respond(200);
  await client.read(1);
  await server.reset();
  const report = async (): Promise<string> => (await rejectionOf(server.acceptRequest({ timeout: 1 }))).message;
  expect(await report()).toContain("No client has connected.");
  const before = socket.bytesRead;
  await client.send("GET /half HTTP/1.1\r\nHo");
  while (socket.bytesRead === before) await new Promise((resolve) => setImmediate(resolve));
  expect(await report()).toContain("1 client is connected, but sent no complete head of a request.");
});
