// Writes the suites of every combination: environment × module system × kind of timers × client.
import { mkdirSync, writeFileSync } from "node:fs";
import ts from "typescript";

/** How a test sends a request; every one of them keeps its connections alive. */
const clients = {
  fetch: {
    environments: ["node"],
    code: `
async function send(url: string, method: string, body?: string): Promise<Reply> {
  const reply = await fetch(url, { method, ...(body === undefined ? {} : { body }) });
  return { status: reply.status, body: await reply.text() };
}
async function hangUp(): Promise<void> {}
`,
  },
  undici: {
    environments: ["node"],
    // The undici package itself waits for a microtask that default fake timers never run, whatever the server.
    doNotFake: ["queueMicrotask"],
    code: `
import { Agent, request as undiciRequest } from "undici";
let agent: Agent | undefined;
async function send(url: string, method: string, body?: string): Promise<Reply> {
  agent ??= new Agent();
  const reply = await undiciRequest(url, { method: method as "GET", body: body ?? null, dispatcher: agent });
  return { status: reply.statusCode, body: await reply.body.text() };
}
async function hangUp(): Promise<void> {
  const last = agent;
  agent = undefined;
  await last?.destroy();
}
`,
  },
  "http-get": {
    environments: ["node", "jsdom"],
    code: `
import * as http from "node:http";
const agent = new http.Agent({ keepAlive: true });
function send(url: string, method: string, body?: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const answered = (reply: http.IncomingMessage): void => {
      let text = "";
      reply.setEncoding("utf8").on("data", (part: string) => (text += part));
      reply.on("end", () => resolve({ status: reply.statusCode ?? 0, body: text })).on("error", reject);
    };
    if (method === "GET") http.get(url, { agent }, answered).on("error", reject);
    else http.request(url, { agent, method }, answered).on("error", reject).end(body);
  });
}
async function hangUp(): Promise<void> {
  agent.destroy();
}
`,
  },
  "xml-http-request": {
    environments: ["jsdom"],
    code: `
function send(url: string, method: string, body?: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, url);
    xhr.onload = () => resolve({ status: xhr.status, body: xhr.responseText });
    xhr.onerror = () => reject(new Error("network error"));
    xhr.send(body ?? null);
  });
}
async function hangUp(): Promise<void> {}
`,
  },
};

/** What a test does to time: by a call, or by Jest's configuration, before any module is loaded. */
const timers = {
  real: undefined,
  fake: {},
  advancing: { advanceTimers: true },
  legacy: { legacyFakeTimers: true },
};

/** The module system of the test file, and the configuration that a user needs for it. */
const modules = {
  commonjs: {
    extension: "js",
    config: {},
    write: (source) => transpile(source, ts.ModuleKind.CommonJS),
  },
  esm: {
    extension: "mjs",
    config: {},
    write: (source) => transpile(source, ts.ModuleKind.ESNext),
  },
  "ts-jest": {
    extension: "ts",
    config: { transform: { "\\.ts$": ["ts-jest", { tsconfig: "<rootDir>/tsconfig.json" }] } },
    write: (source) => source,
  },
};

function transpile(source, module) {
  return ts.transpileModule(source, { compilerOptions: { target: ts.ScriptTarget.ES2022, module } }).outputText;
}

// A page of another origin may read the answer only if the server says so.
const suite = (client, fakeTimers) => `
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { Http200, Http201, HttpPost, type Request, newAsyncHttpServer } from "asynchttpserver";
import { startTestServer, useTestServer } from "asynchttpserver/testing";

interface Reply { status: number; body: string }
const cors = { "access-control-allow-origin": "*" };
${client}
${fakeTimers === undefined ? "" : `beforeAll(() => void jest.useFakeTimers(${JSON.stringify(fakeTimers)}));`}
afterEach(hangUp);

test("await a request, look at it, decide the answer", async () => {
  const server = await startTestServer();
  const reply = send(\`\${server.url}/login?a=1\`, "POST", '{"name":"x"}');
  const request = await server.acceptRequest();
  expect(request.reqMethod).toBe(HttpPost);
  expect(request.url.path).toBe("/login");
  expect(request.json()).toEqual({ name: "x" });
  await request.respond(Http201, "welcome", cors);
  expect(await reply).toEqual({ status: Http201, body: "welcome" });
  expect(server.requests).toHaveLength(1);
  await server.close();
});

test("one callback for every request, on connections that stay open", async () => {
  const server = await startTestServer((request: Request) => request.respond(Http200, request.body, cors));
  for (const size of [1, 1_000, 100_000]) {
    expect(await send(server.url, "POST", "x".repeat(size))).toEqual({ status: Http200, body: "x".repeat(size) });
    expect(await send(server.url, "GET")).toEqual({ status: Http200, body: "" });
    await hangUp();
  }
  expect(server.requests).toHaveLength(6);
  await server.close();
});

test("Nim's loop and serve", async () => {
  for (const accept of ["loop", "serve"]) {
    const server = newAsyncHttpServer();
    await server.listen(0);
    const answer = (request: Request): Promise<void> => request.respond(Http200, accept, cors);
    const done = accept === "serve" ? server.serve(answer) : server.acceptRequest(answer);
    expect(await send(server.url, "GET")).toEqual({ status: Http200, body: accept });
    if (accept === "loop") await done;
    await server.close();
    await done;
    await hangUp();
  }
});

test("a wait that runs out says so, whatever the time of the test is", async () => {
  const server = await startTestServer();
  await expect(server.acceptRequest({ timeout: 30 })).rejects.toMatchObject({ code: "ERR_ACCEPT_TIMEOUT" });
  await server.close();
});

test("close ends what was never answered", async () => {
  const server = await startTestServer();
  const reply = send(server.url, "GET").then(({ status }) => status, () => 0);
  await server.acceptRequest();
  await server.close();
  // A page of another origin sees no status.
  expect([0, 410]).toContain(await reply);
});

describe.each([
  ["the global hooks", {}],
  ["the hooks of @jest/globals", { hooks: { beforeEach, afterEach } }],
])("a server for each test, by %s", (_how, options) => {
  const server = useTestServer(options);
  let left: Promise<number>;

  test("awaits the request in question while its client runs", async () => {
    const other = send(\`\${server.url}/other\`, "GET");
    const reply = send(\`\${server.url}/login\`, "POST", "ann");
    const request = await server.acceptRequest({ where: ({ url }) => url.path === "/login", while: reply });
    await request.respondJson(Http200, { for: request.body }, cors);
    expect(await reply).toEqual({ status: Http200, body: '{"for":"ann"}' });
    await (await server.acceptRequest({ while: other })).respond(Http201, "other", cors);
    expect(await other).toEqual({ status: Http201, body: "other" });
  });

  test("fails with the client", async () => {
    const client = Promise.reject(new Error("no user"));
    await expect(server.acceptRequest({ while: client })).rejects.toThrow(/failed before a request.*Error: no user/);
  });

  test("is left with a request that has no response", async () => {
    left = send(server.url, "GET").then(({ status }) => status, () => 0);
    await server.acceptRequest({ while: left });
  });

  test("has ended that one, and knows nothing of it", async () => {
    // A page of another origin sees no status.
    expect([0, 410]).toContain(await left);
    expect(server.requests).toEqual([]);
  });
});

describe("a server for each test, with a handler", () => {
  const server = useTestServer((request: Request) => request.respond(Http200, request.url.path, cors));

  test("answers", async () => {
    expect(await send(\`\${server.url}/a\`, "GET")).toEqual({ status: Http200, body: "/a" });
    expect(server.requests.map(({ url }) => url.path)).toEqual(["/a"]);
  });
});
`;

/** Writes every suite below `folder` and gives back Jest's configuration for those of the named module systems. */
export function writeMatrix(folder, moduleNames) {
  const projects = [];
  for (const environment of ["node", "jsdom"]) {
    for (const moduleName of moduleNames) {
      for (const timing of Object.keys(timers)) {
        for (const byConfiguration of timing === "real" ? [false] : [false, true]) {
          projects.push(writeProject(folder, environment, moduleName, timing, byConfiguration));
        }
      }
    }
  }
  return { projects };
}

function writeProject(folder, environment, moduleName, timing, byConfiguration) {
  const displayName = `${environment} ${moduleName} ${timing}${byConfiguration ? " by configuration" : ""}`;
  const rootDir = `${folder}/${displayName.replaceAll(" ", "-")}`;
  const { extension, config, write } = modules[moduleName];
  mkdirSync(rootDir, { recursive: true });
  writeFileSync(`${rootDir}/tsconfig.json`, tsconfig);
  for (const [name, { environments, code, doNotFake }] of Object.entries(clients)) {
    if (!environments.includes(environment)) continue;
    let call = byConfiguration ? undefined : timers[timing];
    if (timing === "fake" && doNotFake) call = { doNotFake };
    writeFileSync(`${rootDir}/${name}.test.${extension}`, write(suite(code, call)));
  }
  const fakeTimers = byConfiguration ? { fakeTimers: { enableGlobally: true, ...timers[timing] } } : {};
  return { displayName, rootDir, testEnvironment: environment, ...config, ...fakeTimers };
}

const tsconfig = JSON.stringify({
  compilerOptions: {
    target: "es2022",
    module: "commonjs",
    moduleResolution: "node10",
    ignoreDeprecations: "6.0",
    lib: ["es2022", "dom"],
    types: ["node"],
    strict: true,
    esModuleInterop: true,
  },
});
