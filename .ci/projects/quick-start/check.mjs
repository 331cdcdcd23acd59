// The README's way to start, on a copy of the checkout as a clone would be: `npm ci && npm start`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CHECKOUT, copyCheckout, run, succeed } from "../harness.mjs";

const clone = `${process.cwd()}/clone`;
await copyCheckout(clone);

/** Starts the server as a terminal would, in a process group of its own, and waits for the line that names its URL. */
async function start() {
  const child = spawn("npm", ["start"], { cwd: clone, detached: true, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "close");
  let output = "";
  for await (const chunk of child.stdout.setEncoding("utf8")) {
    output += chunk;
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(output) ?? [];
    if (url) return { child, url, ended };
  }
  throw new Error(`npm start ended before it named a URL\n${output}`);
}

await test("the README names both commands", () => {
  const readme = readFileSync(`${CHECKOUT}/README.md`, "utf8");
  for (const command of ["npm ci && npm start", "npm ci && npm test"]) assert.ok(readme.includes(command), command);
});

await test("npm ci", () => succeed("npm", ["ci"], { cwd: clone }));

await test("npm start says Hello World to curl, and Ctrl-C ends it", async () => {
  const { child, url, ended } = await start();
  try {
    assert.equal(url, "http://127.0.0.1:8080");
    const answer = await succeed("curl", ["--silent", "--include", url]);
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.match(answer, /^content-type: text\/plain\r$/im);
    assert.match(answer, /\r\n\r\nHello World$/);

    const second = await run("npm", ["start", "--silent"], { cwd: clone });
    assert.equal(second.code, 1, second.output);
    const complaints = second.output
      .trim()
      .split("\n")
      .filter((line) => !line.startsWith("npm "));
    assert.equal(complaints.length, 1, second.output);
    assert.match(complaints[0], /port 8080 is in use/);
  } finally {
    // The terminal sends the signal to the whole group.
    process.kill(-child.pid, "SIGINT");
  }
  // Which of the two it is depends on the shell between npm and Node.
  const [exit, signal] = await ended;
  assert.ok(exit === 0 || signal === "SIGINT", `${exit} ${signal}`);
  const { code } = await run("curl", ["--silent", url]);
  assert.equal(code, 7, "the port is free again");
});
