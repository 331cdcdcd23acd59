// Writes test files that run side by side, each with servers of its own.
import { mkdirSync, writeFileSync } from "node:fs";

const suite = `
const http = require("node:http");
const { startTestServer } = require("asynchttpserver/testing");

const get = (url, agent) =>
  new Promise((resolve, reject) => {
    http.get(url, { agent }, (reply) => {
      let text = "";
      reply.setEncoding("utf8").on("data", (part) => (text += part));
      reply.on("end", () => resolve(text)).on("error", reject);
    }).on("error", reject);
  });

test.each([1, 2, 3])("server %i", async (number) => {
  const mine = \`\${process.pid} \${__filename} \${number}\`;
  const server = await startTestServer((request) => request.respond(200, mine));
  const agent = new http.Agent({ keepAlive: true });
  for (let i = 0; i < 10; i++) {
    expect(await get(server.url, agent)).toBe(mine);
    expect(await (await fetch(server.url)).text()).toBe(mine);
  }
  expect(server.requests).toHaveLength(20);
  agent.destroy();
  await server.close();
});

test("a server for each of ten tests, all at once", async () => {
  const servers = await Promise.all(Array.from({ length: 10 }, () => startTestServer((request) => request.respond(200, request.url.path))));
  expect(new Set(servers.map((server) => server.url)).size).toBe(10);
  const texts = await Promise.all(servers.map(async (server, i) => (await fetch(\`\${server.url}/\${i}\`)).text()));
  expect(texts).toEqual(servers.map((_, i) => \`/\${i}\`));
  await Promise.all(servers.map((server) => server.close()));
});
`;

/** Writes `count` test files into \`folder\`. */
export function writeParallel(folder, count) {
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; i++) writeFileSync(`${folder}/${i}.test.js`, suite);
}
