import type { AddressInfo, ListenOptions, Server } from "node:net";
import { afterPoll, fs, net } from "../node";
import { systemError, withCode } from "../errors";
import { invalid } from "../options";

/** Connections that the system holds until they are accepted; of Node's 511, a burst of 1,000 clients makes half wait a second. */
const BACKLOG = 4096;
/** What the system's `sockaddr_un` holds, in bytes; Node 20 and 22 cut a longer path in silence. */
const LONGEST_PATH = process.platform === "linux" ? 107 : 103;

/** Where to listen: a port of an interface, or the path of a Unix socket (port 0). */
export function listenOptions(port: number, address: string, reusePort: boolean): ListenOptions {
  if (typeof port !== "number") throw invalid(TypeError, "the port must be a number", port);
  if (!(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw invalid(RangeError, "the port must be a whole number from 0 to 65535", port);
  }
  if (typeof address !== "string") throw invalid(TypeError, "the address must be a string", address);
  if (isPath(address)) {
    if (port !== 0) throw invalid(RangeError, `the port of the Unix socket ${address} must be 0`, port);
    if (Buffer.byteLength(address) > LONGEST_PATH) {
      throw invalid(RangeError, `the path of a Unix socket may have ${LONGEST_PATH} bytes`, address);
    }
    return { path: address };
  }
  const options: ListenOptions & { reusePort?: boolean } = { port, backlog: BACKLOG };
  if (address !== "") options.host = address;
  if (reusePort) options.reusePort = true;
  return options;
}

/** No interface has a slash in its address; a Windows pipe has backslashes. */
function isPath(address: string): boolean {
  return address.includes("/") || address.startsWith("\\\\");
}

/** Binds; settles when that is done or the system refuses. */
export async function bind(server: Server, options: ListenOptions): Promise<void> {
  // A port that is given may be one that was closed just now. A client of this process with a connection to it hears of
  // the end when the event loop looks at its socket; until then it would send its next request into that connection.
  if (options.port !== 0) await afterPoll();
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    // Bun gives `null` to the listener of an event that carries nothing.
    const done = (cause?: NodeJS.ErrnoException | null): void => {
      server.removeListener("error", done);
      server.removeListener("listening", done);
      server.removeListener("close", closed);
      resolve(cause ?? undefined);
    };
    // By `server.node.close()`, while the name of the interface was looked up: Node tells nothing else.
    const closed = (): void =>
      done(withCode("ERR_SERVER_CLOSED", new Error("the server was closed before it could listen")));
    server.on("error", done);
    server.on("listening", done);
    server.on("close", closed);
    server.listen(options);
  });
  if (error === undefined) return;
  throw systemError(error, error.code === "EADDRINUSE" ? await remedyFor(options) : "");
}

/** What to do about an address that is in use. */
async function remedyFor({ path, port }: ListenOptions): Promise<string> {
  if (path === undefined) return `: something listens on port ${port} already; port 0 takes a free one`;
  return (await isStale(path)) ? `: nobody listens on this socket any more, delete the file ${path} first` : "";
}

/** Is the file of a Unix socket left over from a process that is gone? */
function isStale(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect(path);
    probe.on("connect", () => {
      probe.destroy();
      resolve(false);
    });
    probe.on("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED" && isSocket(path)));
  });
}

function isSocket(path: string): boolean {
  return fs.lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;
}

/** The URL under which a client on this machine reaches what was bound. */
export function urlOf(bound: AddressInfo | string, scheme: "http" | "https"): string {
  if (typeof bound === "string") return `unix:${bound}`;
  const { address, port } = bound;
  if (address === "::" || address === "0.0.0.0") return `${scheme}://127.0.0.1:${port}`;
  return `${scheme}://${address.includes(":") ? `[${address}]` : address}:${port}`;
}
