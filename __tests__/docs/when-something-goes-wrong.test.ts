import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import * as ts from "typescript";
import { newAsyncHttpServer, type AsyncHttpServer, type AsyncHttpServerOptions, type Request } from "../../lib/index";
import { startTestServer, testCertificate, useTestServer } from "../../lib/testing/index";
import { headingsOf, readText, ROOT } from "../helpers/docs-files";
import { Project } from "../helpers/docs-project";
import {
  connectRaw,
  disconnected,
  makeServer,
  rejectionOf,
  send,
  settle,
  startServer,
  thrownBy,
} from "../helpers/servers";

const DOCUMENT = "docs/when-something-goes-wrong.md";

jest.setTimeout(60_000);

/** What a person sees of each entry: every text has to stand in its section, or be its heading. */
const ENTRIES: Record<string, () => Promise<readonly string[]> | readonly string[]> = {
  "Exceeded timeout of 5000 ms for a test": async () => {
    expect(await jestPrints()).toMatch(/Exceeded timeout of 300 ms for a test/);
    return [];
  },

  "Received: undefined": async () => {
    const server = await startServer();
    const reply = fetch(server.url, { method: "POST", headers: { "content-type": "text/plain" } });
    const request = await server.acceptRequest();
    const { method, query, headers } = request as unknown as Record<string, Record<string, unknown>>;
    expect([method, query, headers!["content-type"]]).toEqual([undefined, undefined, undefined]);
    expect([request.reqMethod, request.url.searchParams.size, request.headers.get("content-type")]).toEqual([
      "POST",
      0,
      "text/plain",
    ]);
    const named = stripVTControlCharacters(thrownBy(() => expect(method).toBe("POST")).message);
    const shown = stripVTControlCharacters(thrownBy(() => expect(request.url).toBe("/")).message);
    expect(shown).toMatch(/"anchor".*"path"/);
    await request.respond(204);
    await reply;
    return named.split("\n").filter((line) => /^(?:Expected|Received):/.test(line));
  },

  "TimeoutError: no request arrived within 4000 ms": async () => {
    await using server = await startTestServer();
    const { name, message } = await rejectionOf(server.acceptRequest({ timeout: 10 }));
    return [
      `${name}: ${message.split(" at ")[0]!}`.replace("10 ms", "4000 ms"),
      ...linesOf(message.replace("10 ms", "4000 ms")),
      ...(await otherReports()),
    ];
  },

  ERR_CLIENT_FINISHED: async () => {
    await using server = await startTestServer();
    const error = await rejectionOf(server.acceptRequest({ while: Promise.reject(new RangeError("no base URL")) }));
    expect(error.cause).toBeInstanceOf(RangeError);
    return [codeOf(error), linesOf(error.message)[0]!];
  },

  "The client gets 410 Gone": async () => {
    const server = await startTestServer();
    const reply = fetch(server.url);
    await server.acceptRequest({ while: reply });
    await server.close();
    const { status, statusText } = await reply;
    expect(await jestPrints()).toMatch(/the test's own[^]*● without while[^]*failed with 410/);
    return [`${status} ${statusText}`, await (await reply).text()];
  },

  "SuppressedError: An error was suppressed during disposal": async () => {
    const printed = await jestPrints();
    expect(printed).toMatch(/asynchttpserver: the handler failed for GET \/ [^]*the handler's own/);
    expect(printed).toContain("SuppressedError: An error was suppressed during disposal");
    return ["asynchttpserver: the handler failed for GET /"];
  },

  "Jest did not exit one second after the test run has completed": async () => {
    expect(await jestPrints()).toContain(NOT_EXITED);
    expect(await jestFindsOpenHandles()).toMatch(/TCPSERVERWRAP[^]*> \d+ \| +await server\.listen\(0\)/);
    return ["TCPSERVERWRAP"];
  },

  "Hooks cannot be defined inside tests": async () => {
    return [/Hooks cannot be defined inside tests/.exec(await jestPrints())![0]];
  },

  ERR_SERVER_NOT_LISTENING: () => {
    const early = thrownBy(() => newAsyncHttpServer().url);
    const hooks = { beforeEach: () => {}, afterEach: () => {} };
    const outside = thrownBy(() => useTestServer({ hooks }).url);
    return [codeOf(early), early.message, codeOf(outside), outside.message];
  },

  ERR_NO_TEST_HOOKS: async () => {
    const project = new Project();
    try {
      const program = project.write("p.cjs", `require("asynchttpserver/testing").useTestServer();`);
      const { stderr } = await output([program], { until: undefined, cwd: project.directory });
      return [/ERR_\w+/.exec(stderr)![0]];
    } finally {
      project.remove();
    }
  },

  "SyntaxError: Unexpected identifier, at `await using`": async () => {
    const knows = Number(process.versions.node.split(".")[0]) >= 24;
    const printed = await jestPrints();
    if (knows) expect(printed).not.toMatch(/Unexpected identifier/);
    return knows ? [] : [/SyntaxError: Unexpected identifier/.exec(printed)![0]];
  },

  "Cannot use import statement outside a module, Must use import to load ES Module": async () => {
    const printed = await jestPrints();
    expect(printed).toContain("Cannot use import statement outside a module");
    expect(printed).toMatch(/Must use import to load ES Module: \S*imports\.test\.mjs/);
    return [];
  },

  "TypeError: fetch failed": async () => {
    const server = await startServer();
    const { url } = server;
    await server.close();
    const { name, message, cause } = await rejectionOf(fetch(url));
    return [`${name}: ${message}`, codeOf(cause as Error)];
  },

  "ECONNREFUSED, with a URL that says `localhost`": async () => {
    const server = await startServer();
    const error = await failureOf({ host: "::1", port: server.getPort() });
    // Where the machine has no IPv6 at all, the system's word for it is another one.
    return codeOf(error) === "ECONNREFUSED" ? [withoutPort(error.message)] : [];
  },

  "ECONNREFUSED from another machine or a container": async () => {
    if (process.platform !== "linux") return [];
    const server = await startServer();
    return [codeOf(await failureOf({ host: "127.0.0.2", port: server.getPort() }))];
  },

  "ECONNRESET, socket hang up, other side closed": async () => {
    const server = makeServer();
    await server.listen(0);
    const [plain, fetched] = [failureOf({ port: server.getPort() }), rejectionOf(fetch(server.url))];
    await server.acceptRequest();
    await server.acceptRequest();
    await server.close();
    expect((await fetched).cause).toMatchObject({ message: "other side closed" });
    return [codeOf(await plain), (await plain).message, "other side closed"];
  },

  "TypeError: terminated": async () => {
    const server = await startServer({ onError: () => {} });
    void server.serve((request) => request.respond(200, breaksOff()));
    const { name, message } = await rejectionOf((await fetch(server.url)).text());
    return [`${name}: ${message}`];
  },

  "TimeoutError: The operation was aborted due to timeout": async () => {
    const server = await startTestServer();
    const { name, message } = await rejectionOf(fetch(server.url, { signal: AbortSignal.timeout(500) }));
    expect(server.requests[0]).toMatchObject({ status: 0 });
    await server.close();
    return [`${name}: ${message}`, "status: 0"];
  },

  DEPTH_ZERO_SELF_SIGNED_CERT: async () => {
    await using server = await startTestServer({ tls: testCertificate });
    const [error] = (await once(https.get(server.url), "error")) as [Error];
    return [codeOf(error)];
  },

  ERR_SSL_WRONG_VERSION_NUMBER: async () => {
    const server = await startServer();
    const { cause } = await rejectionOf(fetch(server.url.replace("http", "https")));
    return [codeOf(cause as Error).replace("ERR_SSL_PACKET_LENGTH_TOO_LONG", "ERR_SSL_WRONG_VERSION_NUMBER")];
  },

  "400 Bad Request": async () => {
    const server = await startServer();
    const client = await send(server, "GET / HTTP/1.1\r\n\r\n");
    const other = await send(server, "GET / HTTP/1.1\nHost: h\n\n");
    const responses = [...(await client.read(1)), ...(await other.read(1))];
    expect(responses.map(({ status }) => status)).toEqual([400, 400]);
    return [];
  },

  "408 Request Timeout": async () => {
    const server = await startServer({ http: { headersTimeout: 50, connectionsCheckingInterval: 10 } });
    const [response] = await (await send(server, "GET / HTTP/1.1\r\n")).read(1);
    expect(response!.status).toBe(408);
    const defaults = makeServer().node;
    return [`${defaults.headersTimeout / 1000} s for its head, ${defaults.requestTimeout / 1000} s for all of it`];
  },

  "413 Request Entity Too Large": async () => [
    await statusOf({ maxBody: 10 }, (url) => fetch(url, { method: "POST", body: "x".repeat(11) })),
  ],

  "414 Request-URI Too Long, 431 Request Header Fields Too Large": async () => {
    const long = (url: string): Promise<Response> => fetch(`${url}/${"x".repeat(9_000)}`);
    const cookies = (url: string): Promise<Response> => fetch(url, { headers: { cookie: "x".repeat(20_000) } });
    const raised = { http: { maxHeaderSize: 65_536 } };
    expect(await Promise.all([statusOf(raised, long), statusOf(raised, cookies)])).toEqual(["200 OK", "200 OK"]);
    return [await statusOf({}, long), await statusOf({}, cookies)];
  },

  "500 Internal Server Error": async () => {
    const errors: unknown[] = [];
    const failing = (): never => {
      throw new Error("secret");
    };
    const status = await statusOf({ onError: (error) => errors.push(error) }, fetch, failing);
    expect(errors).toHaveLength(1);
    return [status];
  },

  "501 Not Implemented": async () => [await statusOf({}, (url) => fetch(url, { method: "patch" }))],

  // The 502 itself: .ci/projects/peers-nginx. Here what makes nginx say so.
  "502 Bad Gateway from nginx": async () => {
    const server = makeServer();
    await server.listen(0);
    const port = server.getPort();
    const unanswered = failureOf({ port });
    await server.acceptRequest();
    await server.close();
    expect([codeOf(await unanswered), codeOf(await failureOf({ port }))]).toEqual(["ECONNRESET", "ECONNREFUSED"]);
    return [`${server.node.keepAliveTimeout / 1000} s`];
  },

  ERR_ALREADY_ANSWERED: () =>
    failing(async (request) => {
      await request.respond(200);
      await request.respond(200);
    }),

  "ERR_BODY_NOT_JSON, ERR_BODY_NOT_FORM": async () => {
    const json = await failing((request) => request.json(), { method: "POST", body: "a=1" });
    const form = await failing((request) => request.form(), { method: "POST", body: "a=1" });
    return [...json.map((text) => text.split(" (Unexpected")[0]!), ...form];
  },

  ERR_BODY_NOT_READ: async () =>
    (await failing((request) => request.json(), { method: "POST", body: "{}" }, { stream: true })).slice(0, 1),

  ERR_INVALID_ARGUMENT: async () => [
    ...(await failing((request) => request.respond(200, { a: 1 } as never))),
    (await rejectionOf(newAsyncListening((server) => server.acceptRequest({ timeoutMs: 1 } as never)))).message,
  ],

  ERR_INVALID_STATUS: () => failing((request) => request.respond("200" as never)),

  EADDRINUSE: async () => {
    const first = await startServer();
    return [codeOf(await rejectionOf(makeServer().listen(first.getPort())))];
  },

  ERR_UNSUPPORTED: () => {
    const versions = Object.getOwnPropertyDescriptor(process, "versions")!;
    Object.defineProperty(process, "versions", { ...versions, value: { ...process.versions, node: "20.20.0" } });
    try {
      const error = thrownBy(() => newAsyncHttpServer({ reusePort: true }));
      return [codeOf(error), error.message.split(",")[0]!];
    } finally {
      Object.defineProperty(process, "versions", versions);
    }
  },

  "ERR_UNKNOWN_FILE_EXTENSION, for a TypeScript file": async () => {
    const [major, minor] = process.versions.node.split(".").map(Number) as [number, number];
    const knows = major > 22 || (major === 22 && minor >= 18);
    const project = new Project();
    try {
      const program = join(project.directory, "app.mts");
      writeFileSync(program, `import fs from "node:fs"; const has: boolean = fs !== null; console.error(String(has));`);
      const { stderr } = await output([program], { cwd: project.directory });
      if (!knows) return [/ERR_UNKNOWN_FILE_EXTENSION/.exec(stderr)![0]];
      expect(stderr).toMatch(/^true$/m);
      return [];
    } finally {
      project.remove();
    }
  },

  "TS2591: Cannot find name 'node:http'": () => {
    const found = complaintsOfTypeScript();
    expect(found).toContainEqual(expect.stringMatching(/^TS2591: Cannot find name 'node:http'/));
    return [found.find((each) => each.startsWith("TS2688"))!.replace(/\.$/, "")];
  },

  "TS2318: Cannot find global type 'AsyncDisposable'": () => {
    expect(complaintsOfTypeScript()).toContain("TS2318: Cannot find global type 'AsyncDisposable'.");
    return [];
  },

  // Bundlers are no development packages: .ci/projects/bundlers makes bundles for Node and starts them.
  "ERR_UNSUPPORTED: asynchttpserver needs Node 20.16, 22.3 or later": async () => {
    expect(readText(".ci/projects/bundlers/check.mjs")).toMatch(
      /platform: "node"[^]*target: "node20"[^]*--target=node/,
    );
    const project = new Project();
    const program = project.write("p.cjs", 'globalThis.process = undefined; require("asynchttpserver");');
    const printed = await output([program], { cwd: project.directory });
    project.remove();
    const stderr = stripVTControlCharacters(printed.stderr);
    expect(stderr).toContain("code: 'ERR_UNSUPPORTED'");
    return [/asynchttpserver needs .* or later/.exec(stderr)![0], /this is no Node/.exec(stderr)![0]];
  },
};

const headings = headingsOf(DOCUMENT);

test("every entry is provoked, and everything that is provoked has its entry", () => {
  expect(headings.filter(({ level }) => level === 3).map(({ title }) => title)).toEqual(Object.keys(ENTRIES));
});

test.each(Object.keys(ENTRIES))("%s", async (title) => {
  const section = plain(sectionOf(title));
  const seen = (await ENTRIES[title]!()).map(plain);
  expect(seen.filter((text) => !section.includes(text))).toEqual([]);
});

test("NODE_DEBUG prints what the page shows", async () => {
  const project = new Project();
  const program = project.write(
    "p.cjs",
    `const { newAsyncHttpServer } = require("asynchttpserver");
    (async () => {
      const server = newAsyncHttpServer();
      await server.listen(0);
      void server.serve((request) => request.respond(200));
      await fetch(server.url + "/a");
      await server.close();
    })();`,
  );
  const { stderr } = await output([program], { env: { NODE_DEBUG: "asynchttpserver" }, cwd: project.directory });
  project.remove();
  const printed = stripVTControlCharacters(stderr).trim();
  expect(readText(DOCUMENT)).toContain(printed.replaceAll(/ERVER \d+/g, "ERVER 4711"));
});

// What provokes ---------------------------------------------------------------------------------------------------------

/** The other lines that a wait's error can have, each from a wait of its own. */
async function otherReports(): Promise<string[]> {
  await using server = await startTestServer();
  const report = async (): Promise<string> =>
    (await rejectionOf(server.acceptRequest({ timeout: 20, where: () => false }))).message;
  const { client: silent, socket } = await connectRaw(server);
  const reports = [await report()];
  silent.destroy();
  await disconnected(socket);
  const half = await send(server, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
  await settle(server);
  reports.push(await report());
  half.destroy();
  const reply = fetch(`${server.url}/b`);
  const request = await server.acceptRequest({ while: reply });
  reports.push(await report());
  await request.respond(200);
  await reply;
  const unknown = await send(server, "patch /x HTTP/1.1\r\nHost: h\r\n\r\n");
  await unknown.read(1);
  await rejectionOf(fetch(server.url.replace("http", "https")));
  reports.push(await report());
  const said = [
    "connected, but sent no complete head",
    "its body is incomplete",
    "accepted, not answered yet",
    "answered with 200",
    "refused with 501 Not Implemented",
    "a TLS handshake, but this server speaks plain HTTP",
  ];
  const all = reports.join("\n");
  expect(said.filter((text) => !all.includes(text))).toEqual([]);
  return said;
}

/** The code and message with which something fails that is done to a request. */
async function failing(
  act: (request: Request) => unknown,
  init: RequestInit = {},
  options: AsyncHttpServerOptions = {},
): Promise<string[]> {
  const server = await startServer(options);
  const reply = fetch(server.url, init);
  const request = await server.acceptRequest();
  const error = await rejectionOf((async () => act(request))());
  if (request.status === 0) await request.respond(204);
  await reply;
  return [codeOf(error), error.message];
}

/** Content that fails behind its first piece. */
async function* breaksOff(): AsyncGenerator<string> {
  yield "some";
  await Promise.resolve();
  throw new Error("broken");
}

async function newAsyncListening<T>(act: (server: AsyncHttpServer) => Promise<T>): Promise<T> {
  return act(await startServer());
}

async function statusOf(
  options: AsyncHttpServerOptions,
  ask: (url: string) => Promise<Response>,
  handler: (request: Request) => unknown = (request) => request.respond(200),
): Promise<string> {
  const server = await startServer(options);
  void server.serve(handler);
  const response = await ask(server.url);
  await response.text();
  return `${response.status} ${response.statusText}`;
}

async function failureOf(options: http.RequestOptions): Promise<Error> {
  return ((await once(http.get({ agent: false, ...options }), "error")) as [Error])[0];
}

/** Test files, each with a mistake of its own; the last one keeps Jest alive. */
const MISTAKES: Record<string, string> = {
  "awaits-the-client.test.js": `
    const { useTestServer } = require("asynchttpserver/testing");
    const server = useTestServer();
    test("fails", async () => {
      await fetch(server.url);
      await server.acceptRequest();
    }, 300);`,
  "disposes.test.ts": `
    import { startTestServer } from "asynchttpserver/testing";
    test("fails", async () => {
      await using server = await startTestServer(() => { throw new Error("the handler's own"); });
      await fetch(server.url);
      throw new Error("the block's own");
    });`,
  "await-using.test.js": `test("fails", async () => { await using none = null; });`,
  "imports.test.js": `import { useTestServer } from "asynchttpserver/testing"; useTestServer();`,
  "imports.test.mjs": `import { useTestServer } from "asynchttpserver/testing"; useTestServer();`,
  "in-a-test.test.js": `
    const { useTestServer } = require("asynchttpserver/testing");
    test("fails", () => void useTestServer());`,
  "without-while.test.js": `
    const { useTestServer } = require("asynchttpserver/testing");
    const server = useTestServer();
    test("without while", async () => {
      const reply = fetch(server.url).then(({ status }) => { throw new Error("failed with " + status); });
      await server.acceptRequest();
      expect("the test's own").toBe("");
      await reply;
    });
    test("waits", () => new Promise((resolve) => setTimeout(resolve, 100)));`,
  "not-closed.test.js": `
    const { newAsyncHttpServer } = require("asynchttpserver");
    test("fails", async () => {
      const server = newAsyncHttpServer();
      await server.listen(0);
      expect(1).toBe(2);
      await server.close();
    });`,
};

const NOT_EXITED = "Jest did not exit one second after the test run has completed";

let jestRun: Promise<string> | undefined;

/** What one run of Jest prints of all of them. */
function jestPrints(): Promise<string> {
  return (jestRun ??= runJest(MISTAKES, [], NOT_EXITED));
}

/** What it prints of the last one where it looks for what keeps it alive. */
function jestFindsOpenHandles(): Promise<string> {
  const name = "not-closed.test.js";
  return runJest({ [name]: MISTAKES[name]! }, ["--detectOpenHandles"], "AsyncHttpServer.listen");
}

async function runJest(files: Record<string, string>, options: readonly string[], until: string): Promise<string> {
  const project = new Project();
  try {
    for (const [name, code] of Object.entries(files)) project.write(name, code);
    project.write("jest.config.json", JSON.stringify({ testMatch: ["<rootDir>/*.test.*js"], transform: {} }));
    const jest = join(ROOT, "node_modules/jest/bin/jest.js");
    const args = [jest, "--ci", "--runInBand", "--config=jest.config.json", ...options];
    return stripVTControlCharacters((await output(args, { cwd: project.directory, until })).stderr);
  } finally {
    project.remove();
  }
}

interface Running {
  readonly cwd: string;
  readonly env?: Record<string, string>;
  /** What ends the process as soon as it is printed. */
  readonly until?: string | undefined;
}

async function output(args: readonly string[], { cwd, env = {}, until }: Running): Promise<{ stderr: string }> {
  const own: NodeJS.ProcessEnv = { ...process.env, ...env };
  for (const name of ["JEST_WORKER_ID", "NODE_OPTIONS"]) delete own[name];
  const child = spawn(process.execPath, args, { cwd, env: own, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    if (until !== undefined && stripVTControlCharacters(stderr).includes(until)) child.kill("SIGKILL");
  });
  await once(child, "close");
  return { stderr };
}

let complaints: readonly string[] | undefined;

/** What TypeScript says in a project without `@types/node`. */
function complaintsOfTypeScript(): readonly string[] {
  if (complaints !== undefined) return complaints;
  const name = join(ROOT, "docs/complaint.mts");
  const code = 'import "asynchttpserver"; export const f = async () => { await using none = null; };';
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    strict: true,
    noEmit: true,
    types: [],
    paths: { asynchttpserver: [join(ROOT, "lib/index.ts")] },
  };
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  host.fileExists = (path) => path === name || (!path.includes("/@types/node/") && fileExists(path));
  host.readFile = (path) => (path === name ? code : readFile(path));
  const found = ts.getPreEmitDiagnostics(ts.createProgram([name], options, host));
  complaints = found.map((each) => `TS${each.code}: ${ts.flattenDiagnosticMessageText(each.messageText, "\n")}`);
  return complaints;
}

// What is compared ------------------------------------------------------------------------------------------------------

function sectionOf(title: string): string {
  const at = headings.find((heading) => heading.title === title)!;
  const end = headings.find(({ line, level }) => line > at.line && level <= at.level)?.line ?? Infinity;
  return readText(DOCUMENT)
    .split("\n")
    .slice(at.line - 1, end - 1)
    .join("\n");
}

function plain(text: string): string {
  return withoutPort(text).replaceAll("`", "").replaceAll(/\s+/g, " ");
}

function withoutPort(text: string): string {
  return text.replaceAll(/(127\.0\.0\.1|::1):\d+/g, "$1:49152");
}

function linesOf(message: string): string[] {
  return message.split("\n").map(withoutPort);
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code!;
}
