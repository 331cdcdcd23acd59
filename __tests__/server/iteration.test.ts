import { AsyncHttpServer, type Request } from "../../lib/index";
import { get, makeServer, rejectionOf, send, settle, startServer } from "../helpers/servers";

describe("for await", () => {
  test("gives every request, and ends when the server is closed", async () => {
    const server = await startServer();
    const paths: string[] = [];
    const loop = (async () => {
      for await (const request of server) {
        paths.push(request.url.path);
        await request.respond(200);
      }
    })();
    for (const target of ["/1", "/2", "/3"]) await (await send(server, get(target))).read(1);
    await server.close();
    await loop;
    expect(paths).toEqual(["/1", "/2", "/3"]);
  });

  test("can be left by break: the server goes on, and nothing is lost", async () => {
    const server = await startServer();
    await send(server, get("/1"));
    await settle(server);
    await send(server, get("/2"));
    await settle(server);
    for await (const request of server) {
      expect(request.url.path).toBe("/1");
      break;
    }
    expect((await server.acceptRequest()).url.path).toBe("/2");
  });

  test("an iterator that is told to return ends the step that waits, and takes no request", async () => {
    const server = await startServer();
    const iterator = server[Symbol.asyncIterator]();
    const waiting = iterator.next();
    const other = server[Symbol.asyncIterator]().next();
    expect(await iterator.return!()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    await send(server, get("/1"));
    expect((await other).value).toMatchObject({ url: { path: "/1" } });
  });

  test("can be started twice, and the loops share the requests", async () => {
    const server = await startServer();
    const seen: string[] = [];
    const loop = async (name: string): Promise<void> => {
      for await (const request of server) {
        seen.push(`${name} ${request.url.path}`);
        await request.respond(200);
      }
    };
    const loops = [loop("a"), loop("b")];
    for (const target of ["/1", "/2"]) await (await send(server, get(target))).read(1);
    await server.close();
    await Promise.all(loops);
    expect(seen.sort()).toEqual(["a /1", "b /2"]);
  });

  test("ends at once on a server that is closed", async () => {
    const server = await startServer();
    await server.close();
    for await (const request of server) expect(request).toBe("no request");
  });

  test("each last step is an object of its own", async () => {
    const server = await startServer();
    const iterator = server[Symbol.asyncIterator]();
    const waiting = iterator.next();
    await server.close();
    const steps = [await waiting, await iterator.next(), await iterator.return!()];
    expect(steps).toEqual(Array(3).fill({ done: true, value: undefined }));
    expect(new Set(steps).size).toBe(3);
  });

  test("is an error on a server that does not listen", async () => {
    const iterator = makeServer()[Symbol.asyncIterator]();
    expect(await rejectionOf(iterator.next())).toMatchObject({ code: "ERR_SERVER_NOT_LISTENING" });
  });

  test("an error thrown in the loop is the loop's own", async () => {
    const server = await startServer();
    await send(server, get("/1"));
    const loop = (async () => {
      for await (const request of server) throw new Error(request.url.path);
    })();
    await expect(loop).rejects.toThrow("/1");
    await server.close();
  });

  test("waiting next calls are served in order", async () => {
    const server = await startServer();
    const iterator = server[Symbol.asyncIterator]();
    const first = iterator.next();
    const second = iterator.next();
    await send(server, get("/1"));
    expect(((await first).value as Request).url.path).toBe("/1");
    await server.close();
    expect(await second).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });
});

describe("disposal", () => {
  test("await using closes the server", async () => {
    let node: AsyncHttpServer["node"];
    {
      await using server = await startServer();
      node = server.node;
      expect(node.listening).toBe(true);
    }
    expect(node.listening).toBe(false);
  });

  test("twice is fine", async () => {
    const server = await startServer();
    await server[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    expect(server.node.listening).toBe(false);
  });

  test("rejects with the error of a handler, as close does", async () => {
    const server = await startServer();
    const failure = new Error("in the callback");
    const client = await send(server, get("/"));
    await server.acceptRequest(() => Promise.reject(failure));
    await client.end();
    await expect(server[Symbol.asyncDispose]()).rejects.toBe(failure);
  });

  test("calls close, so that a subclass's own is used", async () => {
    const calls: string[] = [];
    class Counting extends AsyncHttpServer {
      override async close(): Promise<void> {
        calls.push("close");
        await super.close();
      }
    }
    await new Counting({})[Symbol.asyncDispose]();
    expect(calls).toEqual(["close"]);
  });

  test("no method is left under the name of a symbol that does not exist", () => {
    expect(Object.getOwnPropertyNames(AsyncHttpServer.prototype)).not.toContain("undefined");
    // A realm whose Symbol has no asyncDispose, as jsdom's on Node 20.
    const real = globalThis.Symbol;
    const without = Object.assign((text?: string) => real(text), {
      asyncIterator: real.asyncIterator,
      iterator: real.iterator,
      for: real.for.bind(real),
    });
    try {
      globalThis.Symbol = without as unknown as SymbolConstructor;
      jest.isolateModules(() => {
        const { AsyncHttpServer: Isolated } = jest.requireActual<typeof import("../../lib/index")>("../../lib/index");
        expect(Object.getOwnPropertyNames(Isolated.prototype)).not.toContain("undefined");
        expect(Object.getOwnPropertySymbols(Isolated.prototype)).toEqual([real.asyncIterator]);
      });
    } finally {
      globalThis.Symbol = real;
    }
  });
});
