import { closeClients, get, meanwhile, several } from "./clients";
import { ServerProcess, stopServerProcesses } from "./server-process";
import { inMiB, MiB, report, size } from "./sizes";
import { framings, uploadAll } from "./uploads";

const toDisk = size("SOAK_DISK", 2048, 256) * MiB;
const proxied = size("SOAK_PROXY", 1024, 512) * MiB;
const diskLimit = 64 * MiB;
/** Of this, more than half is what Node's fetch takes for itself. */
const proxyLimit = 96 * MiB;

afterEach(async () => {
  closeClients();
  await stopServerProcesses();
});

async function start(upstream?: number): Promise<ServerProcess> {
  const server = await ServerProcess.start({
    accept: "serve",
    stream: true,
    ...(upstream === undefined ? {} : { upstream }),
  });
  await several(50, 10, () => get(server.port));
  return server;
}

test.each(framings)(
  `an upload of ${inMiB(toDisk)} in $name to a file costs no memory`,
  async (framing) => {
    const server = await start();
    const before = await server.memory();
    const begun = performance.now();
    const upload = uploadAll(server.port, "/disk", framing, toDisk);
    const others = await meanwhile(server.port, upload);
    const { text } = await upload;
    const growth = (await server.peak()).rss - before.rss;
    const rate = toDisk / MiB / ((performance.now() - begun) / 1000);
    report(`peak +${inMiB(growth)}, ${rate.toFixed(0)} MiB/s; others: ${others.served}, slowest ${others.slowest} ms`);
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 200 OK\r\n(?:[^]*)\r\n\r\n${toDisk}$`));
    expect(growth).toBeLessThan(diskLimit);
    expect((await server.counts()).errors).toBe(0);
  },
  600_000,
);

test.each(framings)(
  `an upload of ${inMiB(proxied)} in $name through a streaming proxy costs it no memory`,
  async (framing) => {
    const upstream = await start();
    const proxy = await start(upstream.port);
    // Node's fetch is loaded by its first use.
    await uploadAll(proxy.port, "/proxy", framing, MiB);
    const before = await proxy.memory();
    const { text } = await uploadAll(proxy.port, "/proxy", framing, proxied);
    const growth = (await proxy.peak()).rss - before.rss;
    report(`peak +${inMiB(growth)}`);
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 200 OK\r\n(?:[^]*)${proxied}`));
    expect(growth).toBeLessThan(proxyLimit);
    expect((await proxy.counts()).errors).toBe(0);
  },
  600_000,
);
