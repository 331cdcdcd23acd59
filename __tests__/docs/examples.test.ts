import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { blocksOfDocument } from "../helpers/docs-blocks";
import { EXAMPLES, programsDirectory, startExample, startProgram } from "../helpers/docs-examples";
import { startServer } from "../helpers/servers";
import { filesBelow, readText, ROOT } from "../helpers/docs-files";
import { requestOf, type Received } from "../helpers/node-client";

// Each test starts processes, on a machine that may have others to run.
jest.setTimeout(20_000);

/** Every example, and what its reader may rely on. */
const RUN_HERE: Record<string, (start: typeof startExample) => Promise<void>> = {
  "hello-world": async (start) => {
    await using program = start("hello-world");
    const response = await fetch(await program.url());
    expect(response.headers.get("content-type")).toBe("text/plain");
    expect(await response.text()).toBe("Hello World");
  },

  "nim-loop": async (start) => {
    await using program = start("nim-loop");
    const url = await program.url();
    // One after the other they would take longer than Jest waits.
    const texts = await Promise.all(Array.from({ length: 200 }, async (_, i) => (await fetch(`${url}/${i}`)).text()));
    expect(texts).toEqual(Array.from({ length: 200 }, (_, i) => `GET /${i}\n`));
  },

  "for-await": async (start) => {
    await using program = start("for-await");
    const url = await program.url();
    const texts = await Promise.all(Array.from({ length: 200 }, async () => (await fetch(url)).text()));
    expect(new Set(texts)).toEqual(new Set(["Hello 127.0.0.1\n"]));
    program.send("SIGINT");
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.stdout).toMatch(/^closed$/m);
  },

  "echo-json": async (start) => {
    await using program = start("echo-json");
    const url = await program.url();
    const post = (path: string, body: string): Promise<Response> => fetch(url + path, { method: "POST", body });
    const good = await post("/echo", '{"a":1}');
    expect([good.status, await good.json()]).toEqual([200, { received: { a: 1 } }]);
    const bad = await post("/echo", '{"a":');
    expect([bad.status, await bad.json()]).toEqual([400, { error: expect.stringContaining('{\\"a\\":') }]);
    expect((await post("/other", "{}")).status).toBe(404);
  },

  "server-sent-events": async (start) => {
    await using program = start("server-sent-events");
    const response = await fetch(`${await program.url()}/events`);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = response.body!.getReader();
    for (const id of [1, 2]) {
      const { value } = await reader.read();
      expect(String(Buffer.from(value!))).toMatch(new RegExp(`^id: ${id}\ndata: \\d{4}-.*Z\n\n$`));
    }
    await reader.cancel();
    await program.printed(/a client has disconnected/);
  },

  "streaming-file": async (start) => {
    const path = join(ROOT, "package-lock.json");
    await using program = start("streaming-file", [path]);
    const response = await fetch(await program.url());
    const bytes = readFileSync(path);
    expect(response.headers.get("content-length")).toBe(String(bytes.length));
    expect(bytes.equals(Buffer.from(await response.arrayBuffer()))).toBe(true);
    await using other = start("streaming-file", [`${path}.missing`]);
    expect((await fetch(await other.url())).status).toBe(404);
  },

  "streaming-proxy": async (start) => {
    const server = await startServer({ stream: true });
    void server.serve((request) =>
      request.respond(203, request.bodyStream, {
        "X-Path": String(request.url),
        Trace: request.headers.get("x-trace") ?? "",
      }),
    );
    await using program = start("streaming-proxy", [server.url]);
    const body = "x".repeat(20 * 1024 * 1024);
    const init = { method: "POST", body, headers: { "X-Trace": "t" } };
    const response = await fetch(`${await program.url()}/a?b=c`, init);
    expect([response.status, response.headers.get("x-path"), response.headers.get("trace")]).toEqual([
      203,
      "/a?b=c",
      "t",
    ]);
    expect((await response.text()) === body).toBe(true);
    expect((await fetch(await program.url())).status).toBe(203);
    await server.close();
    expect((await fetch(await program.url())).status).toBe(502);
  },

  upload: async (start) => {
    await using program = start("upload");
    const url = await program.url();
    const body = Buffer.from([0, 255, 13, 10, 128]);
    const put = await fetch(`${url}/a.bin`, { method: "PUT", body });
    expect([put.status, await put.text()]).toEqual([201, "5 bytes"]);
    const got = await fetch(`${url}/a.bin`);
    expect(Buffer.from(await got.arrayBuffer()).equals(body)).toBe(true);
    expect((await fetch(`${url}/b.bin`)).status).toBe(404);
    expect((await fetch(`${url}/a.bin`, { method: "DELETE" })).status).toBe(405);
    for (const path of ["/", "/../a", "/..%2Fa", "/.a", "/a/b", `/${"a".repeat(101)}`]) {
      expect([path, (await ask(url, path, "PUT")).status]).toEqual([path, 400]);
    }
  },

  "upload-to-disk": async (start) => {
    await using program = start("upload-to-disk");
    const url = await program.url();
    const directory = /keeps its files in (.*)/.exec(program.stdout)![1]!;
    const body = Buffer.alloc(20 * 1024 * 1024, "x");
    const put = (path: string, init: RequestInit = {}): Promise<Response> =>
      fetch(url + path, { method: "PUT", body, ...init });
    expect((await put("/a.bin")).status).toBe(201);
    expect(readFileSync(join(directory, "a.bin")).equals(body)).toBe(true);
    expect((await put("/a.bin", { method: "POST" })).status).toBe(405);
    expect((await put("/.hidden")).status).toBe(400);
    // A client that disconnects in the middle leaves nothing behind.
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.end("PUT /b.bin HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
    await new Promise((resolve) => socket.resume().on("close", resolve));
    expect((await put("/c.bin", { body: "c" })).status).toBe(201);
    while (readdirSync(directory).length > 2) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(readdirSync(directory).sort()).toEqual(["a.bin", "c.bin"]);
    expect(program.stderr).toBe("");
  },

  "login-with-cookies": async (start) => {
    await using program = start("login-with-cookies");
    const url = await program.url();
    const login = (password: string): Promise<Response> => {
      const body = new URLSearchParams({ user: "ada", password });
      return fetch(`${url}/login`, { method: "POST", body, redirect: "manual" });
    };
    expect((await fetch(url)).status).toBe(403);
    expect((await login("guess")).status).toBe(403);
    const response = await login("secret");
    expect([response.status, response.headers.get("location")]).toEqual([303, "/"]);
    const [cookie] = /^session=[^;]+/.exec(response.headers.get("set-cookie")!)!;
    const headers = { cookie: `theme=dark; ${cookie}` };
    expect(await (await fetch(url, { headers })).text()).toBe("Hello ada");
    expect((await fetch(`${url}/logout`, { method: "POST", headers })).status).toBe(403);
    expect((await fetch(url, { headers })).status).toBe(403);
  },

  prototype: async (start) => {
    const PUBLIC = join(programsDirectory(), "site/public");
    mkdirSync(join(PUBLIC, "css"), { recursive: true });
    mkdirSync(`${PUBLIC}-not`);
    for (const name of ["public/index.html", "public/css/a b.css", "secret", "public-not/secret"]) {
      writeFileSync(join(programsDirectory(), "site", name), `this is ${name}`);
    }
    await using program = start("prototype", [], { PUBLIC });
    const url = await program.url();

    expect(await (await fetch(`${url}/notes`)).json()).toEqual([]);
    const post = (body: string): Promise<Response> => fetch(`${url}/notes`, { method: "POST", body });
    const posted = await post('{"text":"milk"}');
    expect([posted.status, await posted.json()]).toEqual([201, { id: 1 }]);
    expect((await post("milk")).status).toBe(400);
    expect(await (await fetch(`${url}/notes`)).json()).toEqual([{ text: "milk" }]);
    expect(await (await fetch(`${url}/notes/1`)).json()).toEqual({ text: "milk" });
    expect((await fetch(`${url}/notes`, { method: "DELETE" })).status).toBe(404);
    for (const path of ["/", "/notes", "/notes/1"]) {
      const head = await fetch(url + path, { method: "HEAD" });
      const get = await fetch(url + path);
      expect([head.status, await head.text(), head.headers.get("content-length")]).toEqual([
        200,
        "",
        get.headers.get("content-length"),
      ]);
    }

    const home = await fetch(url);
    expect([home.headers.get("content-type"), await home.text()]).toEqual(["text/html", "this is public/index.html"]);
    expect(await (await fetch(`${url}/css/a%20b.css`)).text()).toBe("this is public/css/a b.css");
    for (const path of [
      "/css",
      "/missing.html",
      "/../secret",
      "/css/../../secret",
      "/%2e%2e/secret",
      "/..%2fsecret",
      "/%2e%2e%2fsecret",
      "/..%5csecret",
      "/../public-not/secret",
      "/..%2fpublic-not%2fsecret",
      "//secret",
      "/secret%00.html",
      "/..",
    ]) {
      expect({ path, ...(await ask(url, path)) }).toMatchObject({ path, status: 404, text: '{"error":"not found"}' });
    }
    expect((await ask(url, "/%E0%A4%A")).status).toBe(400);
    expect(program.stderr).toBe("");
  },

  "static-files": async (start) => {
    const root = join(programsDirectory(), "files");
    mkdirSync(join(root, "folder"), { recursive: true });
    writeFileSync(join(root, "a b.html"), "0123456789");
    writeFileSync(join(root, "empty"), "");
    writeFileSync(join(programsDirectory(), "outside"), "secret");
    await using program = start("static-files", [root]);
    const url = await program.url();
    const get = async (path: string, headers: Record<string, string> = {}, method = "GET"): Promise<unknown[]> => {
      const response = await fetch(url + path, { method, headers });
      const { status } = response;
      return [
        status,
        await response.text(),
        response.headers.get("content-range"),
        response.headers.get("content-length"),
      ];
    };
    expect(await get("/a%20b.html")).toEqual([200, "0123456789", null, "10"]);
    expect(await get("/a%20b.html", {}, "HEAD")).toEqual([200, "", null, "10"]);
    expect(await get("/empty")).toEqual([200, "", null, "0"]);
    expect(await get("/a%20b.html", { range: "bytes=2-4" })).toEqual([206, "234", "bytes 2-4/10", "3"]);
    expect(await get("/a%20b.html", { range: "bytes=2-4" }, "HEAD")).toEqual([206, "", "bytes 2-4/10", "3"]);
    expect(await get("/a%20b.html", { range: "bytes=8-" })).toEqual([206, "89", "bytes 8-9/10", "2"]);
    expect(await get("/a%20b.html", { range: "bytes=8-99" })).toEqual([206, "89", "bytes 8-9/10", "2"]);
    expect(await get("/a%20b.html", { range: "bytes=10-" })).toEqual([416, "", "bytes */10", "0"]);
    const modified = (await fetch(`${url}/a%20b.html`)).headers.get("last-modified")!;
    expect((await get("/a%20b.html", { "if-modified-since": modified })).slice(0, 2)).toEqual([304, ""]);
    expect((await get("/a%20b.html", {}, "DELETE"))[0]).toBe(404);
    for (const path of ["/", "/folder", "/none", "/../outside", "/..%2foutside", "/%E0%A4%A"]) {
      expect([path, (await ask(url, path)).status]).toEqual([path, 404]);
    }
    expect(program.stderr).toBe("");
  },

  "forwarded-for": async (start) => {
    await using program = start("forwarded-for");
    const url = await program.url();
    const seen = async (headers: Record<string, string>): Promise<string> => (await fetch(url, { headers })).text();
    expect(await seen({})).toBe("127.0.0.1\n");
    expect(await seen({ "X-Forwarded-For": "198.51.100.1, 192.0.2.7" })).toBe("192.0.2.7\n");
  },
};

/** Examples that need more than a client, and the test that runs each. */
const RUN_ELSEWHERE: Record<string, string> = {
  cluster: "__tests__/processes.test.ts",
  "graceful-stop": "__tests__/processes.test.ts",
  https: "__tests__/processes.test.ts",
  "reuse-port": "__tests__/processes.test.ts",
  "unix-socket": "__tests__/processes.test.ts",
  "web-socket": ".ci/projects/peers-web-socket/peers.mjs",
};

/** Sends a path as it is, where `fetch` would take the dots out of it. */
/** A path that goes out as it is, which fetch would put in order. */
function ask(url: string, path: string, method = "GET"): Promise<Received> {
  const { hostname, port } = new URL(url);
  return requestOf({ hostname, port, path, method });
}

test("the program of docs/moving-from-nim.md does what Nim's does", async () => {
  const program = blocksOfDocument("docs/moving-from-nim.md").find(({ code }) => code.includes("function login"))!;
  await using running = startProgram("moving-from-nim.mts", program.code);
  const url = await running.url();

  const json = async (response: Response): Promise<unknown> => [response.status, await response.json()];
  const post = (path: string, body: string | URLSearchParams): Promise<Response> =>
    fetch(url + path, { method: "POST", body, redirect: "manual" });
  expect(await json(await fetch(`${url}/notes`))).toEqual([200, []]);
  expect(await json(await post("/notes", '{"text":"milk"}'))).toEqual([201, { id: 1 }]);
  expect(await json(await post("/notes", "milk"))).toEqual([400, { error: expect.stringContaining("milk") }]);
  expect(await json(await fetch(`${url}/notes`))).toEqual([200, [{ text: "milk" }]]);
  expect((await fetch(`${url}/notes`, { method: "PUT" })).status).toBe(405);

  const name = `moving-from-nim-${process.pid}`;
  const body = Buffer.from([0, 255, 128]);
  expect(await (await fetch(`${url}/files/${name}`, { method: "PUT", body })).text()).toBe("3 bytes");
  expect(readFileSync(join(tmpdir(), name)).equals(body)).toBe(true);
  rmSync(join(tmpdir(), name));
  for (const bad of ["", "../a", "..%2Fa", "a.b"]) expect((await ask(url, `/files/${bad}`, "PUT")).status).toBe(400);

  expect((await fetch(`${url}/me`)).status).toBe(403);
  expect((await post("/login", new URLSearchParams("user=ada&password=guess"))).status).toBe(403);
  const response = await post("/login", new URLSearchParams("user=ada+l&password=secret"));
  expect([response.status, response.headers.get("location")]).toEqual([303, "/me"]);
  const [cookie] = /^session=[^;]+/.exec(response.headers.get("set-cookie")!)!;
  expect(await (await fetch(`${url}/me`, { headers: { cookie } })).text()).toBe("Hello ada l");
  expect((await fetch(`${url}/login`)).status).toBe(404);
});

test("docs/prototype.md begins with the program of prototype.ts", () => {
  const [first] = blocksOfDocument("docs/prototype.md");
  expect(`${first!.code}\n`).toBe(readText(`${EXAMPLES}/prototype.ts`));
});

const names = filesBelow(EXAMPLES, ".ts").map((path) => path.slice(EXAMPLES.length + 1, -".ts".length));

test("every example is run, here or elsewhere", () => {
  expect([...Object.keys(RUN_HERE), ...Object.keys(RUN_ELSEWHERE)].sort()).toEqual([...names].sort());
  for (const [name, path] of Object.entries(RUN_ELSEWHERE)) {
    expect(readText(path)).toMatch(new RegExp(`startExample\\("${name}"|docs/examples/${name}\\.ts`));
  }
});

test.each(names)("%s.ts is a short program", (name) => {
  const lines = readText(`${EXAMPLES}/${name}.ts`).trimEnd().split("\n");
  // Those that replace a library may have some more.
  expect(lines.length).toBeLessThanOrEqual(name === "prototype" || name === "static-files" ? 46 : 34);
  expect(lines[0]).toMatch(/^\/\*\* .*[.:] .*\*\/$|^\/\*\* .*\. \*\/$/);
});

test.each(Object.keys(RUN_HERE))("%s.ts does what it says", async (name) => {
  await RUN_HERE[name]!(startExample);
});

describe("hello-world.ts", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("ends with code 0 on %s, clients or not", async (signal) => {
    await using program = startExample("hello-world");
    await (await fetch(await program.url())).text();
    program.send(signal);
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.stderr).toBe("");
  });

  test("says in one line that its port is in use", async () => {
    const port = String((await startServer()).getPort());
    await using program = startExample("hello-world", [], { PORT: port });
    expect(await program.ended).toEqual({ code: 1, signal: null });
    expect(program.stderr).toMatch(new RegExp(`^port ${port} is in use: .*\n$`));
  });

  test("says in one line that its port is none", async () => {
    await using program = startExample("hello-world", [], { PORT: "http" });
    expect(await program.ended).toEqual({ code: 1, signal: null });
    expect(program.stderr).toMatch(/^the port must be .*\n$/);
  });
});
