// The main jobs, on whatever runtime runs this: prints "served" at the end, or throws.
import assert from "node:assert/strict";
import { newAsyncHttpServer } from "asynchttpserver";
import { delayed, startTestServer, truncated } from "asynchttpserver/testing";

async function job(name, play) {
  let timer;
  const late = new Promise(
    (_, reject) => (timer = setTimeout(() => reject(new Error(`${name}: nothing for 5 s`)), 5_000)),
  );
  await Promise.race([play(), late]);
  clearTimeout(timer);
  console.log(`ok ${name}`);
}

const contents = {
  text: () => "piece by piece",
  bytes: () => new TextEncoder().encode("piece by piece"),
  generator: async function* () {
    yield "piece ";
    yield "by piece";
  },
  "web stream": () => new Blob(["piece by piece"]).stream(),
};
const server = newAsyncHttpServer({ maxBody: 1_000_000 });

await job("listen and GET", async () => {
  await server.listen(0);
  void server.serve((request) => {
    if (request.reqMethod === "POST") return request.respond(200, request.rawBody);
    if (request.url.path === "/fails") throw new Error("in the handler");
    return request.respond(200, contents[decodeURIComponent(request.url.path.slice(1))]?.() ?? "Hello World");
  });
  assert.equal(await (await fetch(server.url)).text(), "Hello World");
});
for (const [name] of Object.entries(contents)) {
  await job(`respond with ${name}`, async () => {
    assert.equal(await (await fetch(`${server.url}/${encodeURIComponent(name)}`)).text(), "piece by piece");
  });
}
await job("POST in one chunk", async () => {
  assert.equal(await (await fetch(server.url, { method: "POST", body: '{"text":"ä"}' })).text(), '{"text":"ä"}');
});
await job("POST in several chunks", async () => {
  const body = new ReadableStream({
    async start(controller) {
      for (const piece of ["piece ", "by ", "piece"]) {
        controller.enqueue(new TextEncoder().encode(piece));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      controller.close();
    },
  });
  assert.equal(await (await fetch(server.url, { method: "POST", body, duplex: "half" })).text(), "piece by piece");
});
await job("POST of 500 KB", async () => {
  const body = "0123456789".repeat(50_000);
  assert.equal(await (await fetch(server.url, { method: "POST", body })).text(), body);
});
await job("413", async () => {
  assert.equal((await fetch(server.url, { method: "POST", body: "x".repeat(1_000_001) })).status, 413);
});
await job("a handler that fails", async () => {
  assert.equal((await fetch(`${server.url}/fails`)).status, 500);
});
await job("close, and listen again", async () => {
  await server.close();
  await server.listen(0);
  await server.close();
});
await job("the testing entry", async () => {
  const tested = await startTestServer();
  const reply = fetch(`${tested.url}/login`, { method: "POST", body: "{}" });
  const request = await tested.acceptRequest({ while: reply });
  assert.deepEqual(request.json(), {});
  await request.respond(200, delayed("welcome", 10));
  assert.equal(await (await reply).text(), "welcome");
  const cut = fetch(tested.url).then((response) => response.text());
  const second = await tested.acceptRequest();
  await Promise.all([second.respond(200, truncated(second, "hello world", 5)).catch(() => {}), assert.rejects(cut)]);
  assert.equal(tested.requests.length, 2);
  await tested.close();
});
console.log("served");
process.exit(0);
