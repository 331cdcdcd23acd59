import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:tls";
import { testCertificate } from "../../lib/testing/index";
import { connectRaw, nextSocket, startServer } from "../helpers/servers";

// A client that is gone without a word is found by TCP keep-alive: the system asks it, and ends the connection.

/** `tr` of Linux's table of connections: 02 is the timer of keep-alive, here of the server's ends. */
function timersAt(port: number): string[] {
  const table = "/proc/net/tcp";
  if (!existsSync(table)) return ["02"];
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = readFileSync(table, "latin1")
    .split("\n")
    .map((row) => row.trim().split(/\s+/));
  // 01 is an open connection.
  return rows.filter((row) => row[1]?.endsWith(local) === true && row[3] === "01").map((row) => row[5]!.slice(0, 2));
}

test("the system watches over a connection", async () => {
  const server = await startServer();
  const { client } = await connectRaw(server);
  expect(timersAt(server.getPort())).toEqual(["02"]);
  client.destroy();
});

test("with TLS too", async () => {
  const server = await startServer({ tls: testCertificate });
  const accepted = nextSocket(server);
  const client = connect({ port: server.getPort(), host: "127.0.0.1", ca: testCertificate.cert });
  await accepted;
  await new Promise((resolve) => client.once("secureConnect", resolve));
  // Data on its way has a timer of its own for a moment.
  while (timersAt(server.getPort())[0] !== "02") await new Promise((resolve) => setTimeout(resolve, 20));
  client.destroy();
});

test("that can be switched off", async () => {
  const server = await startServer({ http: { keepAlive: false } });
  const { client } = await connectRaw(server);
  expect(timersAt(server.getPort())).toEqual(process.platform === "linux" ? ["00"] : ["02"]);
  client.destroy();
});
