import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { ROOT } from "../helpers/docs-files";
import { Project } from "../helpers/docs-project";

jest.setTimeout(60_000);

/** A file of tests as a user writes it, of which the first fails and the others, innocent, pass. */
interface Failing {
  readonly name: string;
  readonly code: string;
  /** What the person has to see, in this order. */
  readonly sees: readonly RegExp[];
  /** Milliseconds that the failing test may take, at most. */
  readonly within: number;
}

const LOGIN = `
  async function login(url, user) {
    const response = await fetch(url + "/logni", { method: "POST", body: JSON.stringify({ user }) });
    if (!response.ok) throw new Error("login failed with " + response.status);
    return (await response.json()).token;
  }
`;
const USE = `const { startTestServer, useTestServer } = require("asynchttpserver/testing");`;
const INNOCENT = `
  test("innocent", async () => {
    await new Promise((resolve) => setTimeout(resolve, 50));
  });
`;

const rows: readonly Failing[] = [
  {
    name: "wrong-path",
    code: `${USE} ${LOGIN}
      const server = useTestServer();
      test("fails", async () => {
        const reply = login(server.url, "ann");
        const request = await server.acceptRequest({ while: reply });
        expect(request.url.path).toBe("/login");
        await request.respond(200, '{"token":"t"}');
        expect(await reply).toBe("t");
      });`,
    sees: [
      /^Error: expect\(received\)\.toBe\(expected\)/,
      /Expected: "\/login"/,
      /Received: "\/logni"/,
      /> +\d+ \|\s+expect\(request\.url\.path\)/,
    ],
    within: 2_000,
  },
  {
    name: "floating-client",
    code: `${USE} ${LOGIN}
      const server = useTestServer();
      test("fails", async () => {
        const reply = login(server.url, "ann");
        const request = await server.acceptRequest();
        expect(request.url.path).toBe("/login");
      });`,
    // The client fails because its test did, within that test.
    sees: [
      /^Error: expect\(received\)\.toBe\(expected\)/,
      /> +\d+ \|\s+expect\(request\.url\.path\)/,
      /login failed with 410/,
    ],
    within: 2_000,
  },
  {
    name: "missing-request",
    code: `${USE}
      const server = useTestServer();
      test("fails", async () => {
        const request = await server.acceptRequest({ timeout: 100 });
      });`,
    sees: [
      /^TimeoutError: no request arrived within 100 ms at http:\/\/127\.0\.0\.1:\d+\nNo client has connected\./,
      /> +\d+ \|\s+const request = await server\.acceptRequest\(\{ timeout: 100 \}\)/,
    ],
    within: 2_000,
  },
  {
    name: "client-that-fails",
    code: `${USE}
      const server = useTestServer();
      test("fails", async () => {
        const reply = (async () => { throw new RangeError("no base URL"); })();
        const request = await server.acceptRequest({ while: reply });
      });`,
    sees: [
      /^Error: the client failed before a request arrived at http:\/\/127\.0\.0\.1:\d+: RangeError: no base URL/,
      /> +\d+ \|\s+const request = await server\.acceptRequest/,
      /Cause:\s+RangeError: no base URL/,
    ],
    within: 2_000,
  },
  {
    name: "error-in-a-callback",
    code: `${USE}
      const server = useTestServer((request) => {
        expect(request.url.path).toBe("/expected");
        return request.respond(200);
      });
      test("fails", async () => {
        await fetch(server.url + "/arrived");
      });`,
    sees: [
      /^Error: expect\(received\)\.toBe\(expected\)/,
      /Expected: "\/expected"\s+Received: "\/arrived"/,
      /> +\d+ \|\s+expect\(request\.url\.path\)/,
    ],
    within: 2_000,
  },
  {
    name: "forgotten-await",
    code: `${USE}
      const server = useTestServer();
      test("fails", async () => {
        const reply = fetch(server.url + "/login");
        const request = server.acceptRequest();
        expect(request.url.path).toBe("/login");
      });`,
    sees: [
      /^TypeError: Cannot read properties of undefined \(reading 'path'\)/,
      /> +\d+ \|\s+expect\(request\.url\.path\)/,
    ],
    within: 2_000,
  },
  {
    name: "poller-beside-a-wait",
    code: `${USE}
      const server = useTestServer((request) => request.respond(request.url.path === "/poll" ? 200 : 404));
      test("fails", async () => {
        let over = false;
        const poller = (async () => {
          while (!over) await fetch(server.url + "/poll");
        })();
        const order = fetch(server.url + "/order", { method: "POST" }).finally(() => (over = true)).then(({ status }) => status);
        await server.acceptRequest({ where: ({ url }) => url.path === "/orders", while: order });
      });`,
    sees: [
      /^Error: the client was done before a request that fits where: .* arrived at http:\/\/127\.0\.0\.1:\d+: its promise was fulfilled with 404/,
      /POST \/order: answered with 404/,
      /> +\d+ \|\s+await server\.acceptRequest/,
    ],
    within: 2_000,
  },
  {
    name: "one-server-for-a-file",
    code: `${USE} ${LOGIN}
      let server;
      beforeAll(async () => { server = await startTestServer(); });
      afterEach(() => server.reset());
      afterAll(() => server.close());
      test("fails", async () => {
        const reply = login(server.url, "ann");
        const request = await server.acceptRequest({ while: reply });
        expect(request.json()).toEqual({ user: "bob" });
      });
      test("the next one has its own request", async () => {
        const reply = fetch(server.url + "/next");
        const request = await server.acceptRequest({ while: reply });
        expect(request.url.path).toBe("/next");
        await request.respond(204);
        await reply;
      });`,
    sees: [/^Error: expect\(received\)\.toEqual\(expected\)/, /- +"user": "bob",\n.*\+ +"user": "ann",/],
    within: 2_000,
  },
];

/** Tests that pass, and leave something behind that must not keep Jest alive, nor fail anything. */
const FORGOTTEN = `${USE}
  test("a server that is not closed, with a wait that nobody awaits", async () => {
    const server = await startTestServer();
    void server.acceptRequest({ timeout: 20_000 });
    void server.acceptRequest({ timeout: 10 });
    await new Promise((resolve) => setTimeout(resolve, 50));
  });
  test("a server that is closed under a wait that nobody awaits", async () => {
    const server = await startTestServer();
    void server.acceptRequest();
    await server.close();
  });
`;

interface Report {
  readonly testResults: ReadonlyArray<{
    readonly name: string;
    readonly assertionResults: ReadonlyArray<{
      readonly title: string;
      readonly status: string;
      readonly duration: number;
      readonly failureMessages: readonly string[];
    }>;
  }>;
}

describe.each([
  ["with colours", { FORCE_COLOR: "1" }],
  ["without", { NO_COLOR: "1" }],
])("Jest %s", (_how, colours) => {
  let project: Project;
  let report: Report;
  let output = "";

  beforeAll(async () => {
    project = new Project();
    project.write("jest.config.json", JSON.stringify({ testMatch: ["<rootDir>/*.test.js"], transform: {} }));
    for (const { name, code } of rows) project.write(`${name}.test.js`, code + INNOCENT);
    project.write("forgotten.test.js", FORGOTTEN + INNOCENT);
    const env: NodeJS.ProcessEnv = { ...process.env, ...colours };
    for (const name of ["NO_COLOR", "FORCE_COLOR", "JEST_WORKER_ID", "NODE_OPTIONS"])
      if (!(name in colours)) delete env[name];
    const jest = join(ROOT, "node_modules/jest/bin/jest.js");
    const child = spawn(
      process.execPath,
      [jest, "--ci", "--runInBand", "--json", "--outputFile=report.json", "--config=jest.config.json"],
      {
        cwd: project.directory,
        env,
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
    // Whatever keeps it alive fails the test that waits for it.
    await once(child, "close");
    output = stripVTControlCharacters(output);
    report = JSON.parse(readFileSync(join(project.directory, "report.json"), "utf8")) as Report;
  }, 60_000);
  afterAll(() => project.remove());

  test.each(rows)("$name", ({ name, sees, within }) => {
    const results = report.testResults.find((file) => file.name.endsWith(`${name}.test.js`))!.assertionResults;
    const [failed, ...others] = results;
    expect(failed).toMatchObject({ title: "fails", status: "failed" });
    expect(others.map(({ title, status }) => `${title}: ${status}`)).toEqual(
      others.map(({ title }) => `${title}: passed`),
    );
    expect(failed!.duration).toBeLessThan(within);
    // What Jest prints of it, code frames and all.
    const start = output.indexOf(`● fails`, output.indexOf(`FAIL ./${name}.test.js`));
    const end = output.indexOf("\nFAIL ", start);
    const printed = output.slice(start, end === -1 ? undefined : end);
    const plain = stripVTControlCharacters(failed!.failureMessages.join("\n"));
    let at = 0;
    for (const line of sees) {
      // The first line is that of the failure itself; the others stand in what is printed, in order.
      const found = line.source.startsWith("^") ? (line.test(plain) ? at : -1) : printed.slice(at).search(line);
      expect([
        line,
        found === -1 ? `not in ${line.source.startsWith("^") ? plain : printed.slice(at)}` : "found",
      ]).toEqual([line, "found"]);
      if (!line.source.startsWith("^")) at += found;
    }
  });

  test("nothing is printed besides, and nothing is left", () => {
    const forgotten = report.testResults.find((file) => file.name.endsWith("forgotten.test.js"))!.assertionResults;
    expect(forgotten.map(({ status }) => status)).toEqual(["passed", "passed", "passed"]);
    expect(output).not.toMatch(
      /did not exit|open handles?|SuppressedError|Cannot log after|asynchttpserver:|Request \{\s*\}/,
    );
  });
});
