// curl as the client: HTTPS, Unix sockets, uploads, and a tunnel through a proxy that is a server of this package too.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";
import { newAsyncHttpServer } from "asynchttpserver";
import { testCertificate } from "asynchttpserver/testing";
import { run } from "../harness.mjs";

const MAX_BODY = 8_388_608;
const servers = [];
writeFileSync("cert.pem", testCertificate.cert);
writeFileSync("fits.bin", randomBytes(MAX_BODY));
writeFileSync("too-long.bin", randomBytes(MAX_BODY + 1));

const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function start(callback, options) {
  const server = newAsyncHttpServer(options);
  await server.listen(0);
  servers.push(server);
  void server.serve(callback);
  return server;
}

/** Tells what arrived, in one line. */
function tell(request) {
  const { reqMethod, url, rawBody } = request;
  return request.respond(200, `${reqMethod} ${url.path} ${rawBody.length} ${hash(rawBody)}`);
}

/** Runs curl; gives its exit code, the status of the last answer and the content. */
async function curl(...args) {
  const { code, output } = await run("curl", ["-sS", "--max-time", "20", "-w", "\n%{http_code}", ...args]);
  const lines = output.trimEnd().split("\n");
  return { code, status: Number(lines.pop()), text: lines.join("\n") };
}

/** A proxy that tunnels to this machine and refuses everything else. */
async function tunnel(request) {
  if (request.reqMethod !== "CONNECT") return request.respond(405, "a proxy for CONNECT only");
  const { hostname, port } = request.url;
  if (hostname !== "127.0.0.1") return request.respond(403, "not there");
  const upstream = connect(Number(port), hostname);
  const failed = await once(upstream, "connect").then(
    () => undefined,
    (error) => error,
  );
  if (failed !== undefined) return request.respond(502, failed.code);
  await request.respond(200);
  upstream.write(request.head);
  upstream.pipe(request.client).pipe(upstream);
  upstream.on("error", () => request.client.destroy());
  request.client.on("close", () => upstream.destroy());
}

const plain = await start(tell);
const secure = await start(tell, { tls: testCertificate });
const proxy = await start(tunnel);
const empty = hash("");

await test("curl: GET, HEAD, POST, a path with a query", async () => {
  assert.deepEqual(await curl(`${plain.url}/a?b=c`), { code: 0, status: 200, text: `GET /a 0 ${empty}` });
  assert.deepEqual(await curl("-d", "x", plain.url), { code: 0, status: 200, text: `POST / 1 ${hash("x")}` });
  assert.equal((await curl("-I", plain.url)).status, 200);
});

await test("curl: HTTP/1.0", async () => {
  assert.deepEqual(await curl("-0", `${plain.url}/old`), { code: 0, status: 200, text: `GET /old 0 ${empty}` });
});

await test("curl --cacert: HTTPS by address and by name", async () => {
  const text = `GET /s 0 ${empty}`;
  assert.deepEqual(await curl("--cacert", "cert.pem", `${secure.url}/s`), { code: 0, status: 200, text });
  const byName = `https://localhost:${secure.getPort()}/s`;
  assert.deepEqual(await curl("--ipv4", "--cacert", "cert.pem", byName), { code: 0, status: 200, text });
});

await test("curl without the certificate does not trust the server, which goes on", async () => {
  assert.equal((await curl(secure.url)).code, 60);
  assert.notEqual((await curl(secure.url.replace("https", "http"))).code, 0);
  assert.equal((await curl("--cacert", "cert.pem", secure.url)).status, 200);
});

await test("curl --unix-socket", async () => {
  const server = newAsyncHttpServer();
  await server.listen(0, "./app.sock");
  void server.serve(tell);
  assert.deepEqual(await curl("--unix-socket", "app.sock", "http://localhost/u"), {
    code: 0,
    status: 200,
    text: `GET /u 0 ${empty}`,
  });
  await server.close();
  assert.equal((await curl("--unix-socket", "app.sock", "http://localhost/u")).code, 7);
});

const uploads = [
  ["with Content-Length", []],
  ["chunked", ["-H", "Transfer-Encoding: chunked"]],
  ["without waiting for 100", ["-H", "Expect:"]],
];
for (const [name, args] of uploads) {
  for (const server of [plain, secure]) {
    const scheme = server.url.slice(0, server.url.indexOf(":"));
    await test(`curl -T over ${scheme}, ${name}: maxBody bytes arrive, one more is seen to get 413`, async () => {
      const fits = await curl("--cacert", "cert.pem", ...args, "-T", "fits.bin", `${server.url}/up`);
      assert.match(fits.text, new RegExp(`^PUT /up ${MAX_BODY} [0-9a-f]{64}$`));
      const { status, text } = await curl("--cacert", "cert.pem", ...args, "-T", "too-long.bin", `${server.url}/up`);
      assert.deepEqual([status, text], [413, "413 Request Entity Too Large"]);
    });
  }
}

/** Runs curl with `Expect: 100-continue`, which it keeps to for as long as it may. */
async function expecting(server, path, ...args) {
  const asked = [
    "-sSv",
    "--max-time",
    "20",
    "--expect100-timeout",
    "15",
    "-H",
    "Expect: 100-continue",
    "-o",
    "/dev/null",
  ];
  const { code, output } = await run("curl", [
    ...asked,
    "--cacert",
    "cert.pem",
    ...args,
    "-T",
    "fits.bin",
    `${server.url}${path}`,
  ]);
  return { code, statuses: [...output.matchAll(/^< HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status)) };
}

for (const options of [{}, { tls: testCertificate }]) {
  let bytes = 0;
  const server = await start(
    async (request) => {
      const status = Number(request.url.path.slice(1));
      if (status !== 200) return request.respond(status, "no");
      bytes = (await request.bodyStream.toArray()).reduce((sum, chunk) => sum + chunk.length, 0);
      await request.respond(200);
    },
    { stream: true, ...options },
  );
  const scheme = server.url.slice(0, server.url.indexOf(":"));
  const event = scheme === "https" ? "secureConnection" : "connection";
  for (const [framing, args] of [
    ["Content-Length", []],
    ["chunked", ["-H", "Transfer-Encoding: chunked"]],
  ]) {
    for (const status of [417, 401, 413]) {
      await test(`curl over ${scheme} with Expect: 100-continue, ${framing}: refused with ${status}, it sends no body`, async () => {
        const connected = once(server.node, event);
        const { statuses } = await expecting(server, `/${status}`, ...args);
        const [socket] = await connected;
        if (!socket.closed) await once(socket, "close");
        assert.deepEqual(statuses, [status]);
        assert.ok(socket.bytesRead < 1_000, `${socket.bytesRead} bytes were sent`);
      });
    }
    await test(`curl over ${scheme} with Expect: 100-continue, ${framing}: accepted, it sends the body behind the 100`, async () => {
      assert.deepEqual(await expecting(server, "/200", ...args), { code: 0, statuses: [100, 200] });
      assert.equal(bytes, MAX_BODY);
    });
  }
}

await test("curl --proxytunnel: plain HTTP through CONNECT", async () => {
  const { code, text } = await curl("-x", proxy.url, "--proxytunnel", `${plain.url}/t`);
  assert.deepEqual([code, text], [0, `GET /t 0 ${empty}`]);
});

await test("curl -x: HTTPS through CONNECT, 8 MiB", async () => {
  const { code, text } = await curl("-x", proxy.url, "--cacert", "cert.pem", "-T", "fits.bin", `${secure.url}/t`);
  assert.equal(code, 0);
  assert.match(text, new RegExp(`PUT /t ${MAX_BODY} [0-9a-f]{64}$`));
});

await test("curl -x: two requests through one tunnel", async () => {
  const { code, text } = await curl("-x", proxy.url, "--proxytunnel", `${plain.url}/1`, `${plain.url}/2`);
  assert.equal(code, 0);
  assert.match(text, /GET \/1 [^]*GET \/2 /);
});

await test("curl -x: a proxy that is HTTPS itself", async () => {
  const secureProxy = await start(tunnel, { tls: testCertificate });
  const { code, text } = await curl(
    "-x",
    secureProxy.url,
    "--proxy-cacert",
    "cert.pem",
    "--proxytunnel",
    `${plain.url}/t`,
  );
  assert.deepEqual([code, text], [0, `GET /t 0 ${empty}`]);
});

await test("curl -x: CONNECT is refused with 403 and 502, what is no CONNECT with 405", async () => {
  const refused = await run("curl", ["-sSv", "-x", proxy.url, "--proxytunnel", "http://192.0.2.1/"]);
  assert.equal(refused.code, 56);
  assert.match(refused.output, /HTTP\/1\.1 403 Forbidden/);
  const closed = await start(tell);
  const { url } = closed;
  await closed.close();
  const gone = await run("curl", ["-sSv", "-x", proxy.url, "--proxytunnel", url]);
  assert.equal(gone.code, 56);
  assert.match(gone.output, /HTTP\/1\.1 502 Bad Gateway/);
  const { status, text } = await curl("-x", proxy.url, "http://192.0.2.1/");
  assert.deepEqual([status, text], [405, "a proxy for CONNECT only"]);
});

await test("curl that is killed in a tunnel harms nobody, and close cuts tunnels", async () => {
  const silent = await start(() => {});
  const killed = await run("curl", ["-sS", "--max-time", "1", "-x", proxy.url, "--proxytunnel", silent.url]);
  assert.equal(killed.code, 28);
  const hanging = run("curl", ["-sS", "--max-time", "20", "-x", proxy.url, "--proxytunnel", silent.url]);
  await once(silent.node, "request");
  const before = performance.now();
  await proxy.close();
  assert.ok(performance.now() - before < 1_000);
  assert.notEqual((await hanging).code, 0);
});

for (const server of servers) await server.close();
