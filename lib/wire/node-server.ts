import type { IncomingMessage, Server, ServerOptions, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContextOptions } from "node:tls";
import { Connection, type Acceptor } from "./connection";
import { Exchange } from "./exchange";
import { http, https } from "../node";
import { hasBody, readHead, statusOfParseError } from "./request-head";
import { Incoming } from "./incoming-message";
import { Outgoing } from "./server-response";

/** Our own defaults for Node's options; the caller's go on top. */
const DEFAULTS: ServerOptions = {
  // Longer than the 60 s for which nginx and most balancers keep an idle connection, so that they end it, not we.
  keepAliveTimeout: 65_000,
  // How exactly Node's own two are kept: 60 s for a head (`headersTimeout`), 300 s for a request (`requestTimeout`).
  connectionsCheckingInterval: 5_000,
};
/** Milliseconds for which a client may leave an answer lying, if `server.node.timeout` does not say. */
const SEND_TIMEOUT = 120_000;

/**
 * Since Node 25 the parser reads the body of an upgrade request, too, but drops what came behind it in the same packet;
 * before, it stops at the head, and `Connection` has such a request read once more.
 */
const READS_UPGRADE_BODIES = Number(process.versions.node.split(".")[0]) >= 25;

/** What this library is built on, whatever the caller says. */
const FIXED = {
  // The head is checked in `framing`, where one refusal is like another.
  requireHostHeader: false,
  IncomingMessage: Incoming as typeof http.IncomingMessage,
  ServerResponse: Outgoing as unknown as typeof http.ServerResponse,
  // What it saves is saved already, and it would keep the bodies from their sinks.
  optimizeEmptyRequests: false,
  shouldUpgradeCallback: (raw: IncomingMessage) =>
    !((raw as Incoming).declinesUpgrade = READS_UPGRADE_BODIES && hasBody(raw)),
};

const OPTIONS = { ...DEFAULTS, ...FIXED };

/** Makes the server of `node:http`, or of `node:https`, that does the parsing. */
export function createNodeServer(given: ServerOptions | undefined, tls: SecureContextOptions | undefined): Server {
  const options = given === undefined ? OPTIONS : { ...DEFAULTS, ...given, ...FIXED };
  const node = tls === undefined ? http.createServer(options) : createSecureServer({ ...options, ...tls });
  // Node drops header lines beyond its count in silence; `headerLimit` and `maxHeaderSize` refuse them.
  node.maxHeadersCount = 0;
  // RFC 9112 9.6: a client that shuts its sending side still reads the answer. Node's own switch for it.
  return Object.assign(node, { httpAllowHalfOpen: true });
}

function createSecureServer(options: object): Server {
  return https().createServer(options) as unknown as Server;
}

/** Who is connected, kept up to date. */
export interface Clients {
  /** By the socket that carries HTTP. */
  readonly connections: ReadonlyMap<Socket, Connection>;
  /** Below TLS, those whose handshake is not done included; else empty. */
  readonly transports: ReadonlySet<Socket>;
}

/** Turns what Node's server tells into the exchanges of connections. */
export function connectClients(
  node: Server,
  scheme: "http" | "https",
  maxBody: number,
  server: Omit<Acceptor, "attach" | "sendTimeout">,
): Clients {
  const connections = new Map<Socket, Connection>();
  const transports = new Set<Socket>();
  const connected = scheme === "http" ? "connection" : "secureConnection";
  // Node's own listener, the only one as yet: a socket that is given back is no new connection to anybody else.
  const [attach] = node.listeners(connected);
  // Node's own `timeout` would cost every request a timer; here only an answer that does not leave at once gets one.
  const sendTimeout = (): number => node.timeout || SEND_TIMEOUT;
  const acceptor: Acceptor = { ...server, attach: (socket) => attach?.call(node, socket), sendTimeout };

  const receive = (raw: IncomingMessage, response: ServerResponse, expects: boolean): void => {
    const connection = connections.get(raw.socket);
    if (connection === undefined) return;
    const head = readHead(raw, maxBody);
    // Of a server that is being closed, every answer is the last on its connection.
    if (head.close || (raw as Incoming).declinesUpgrade || !node.listening) response.shouldKeepAlive = false;
    // Node would end a connection on which it sent no 100; a body that is there already, or none, needs no 100.
    if (expects) Object.assign(response, { _expect_continue: false });
    const exchange = new Exchange(raw as Incoming, response as Outgoing, connection, head, maxBody, expects && head.length !== 0);
    connection.receive(exchange, !response.shouldKeepAlive);
  };

  const receiveUpgrade = (raw: IncomingMessage, socket: Duplex, bytesBehind: Buffer): void => {
    const connection = connections.get(socket as Socket);
    if (connection === undefined) return void socket.destroy();
    const head = readHead(raw, maxBody);
    const response = new Outgoing(raw);
    response.shouldKeepAlive = !head.close && raw.httpVersionMinor === 1 && node.listening;
    const exchange = new Exchange(raw as Incoming, response, connection, head, maxBody, false);
    connection.receiveUpgrade(exchange, bytesBehind, !response.shouldKeepAlive);
  };

  // One function for all sockets: an idle connection shall cost no more than Node's own.
  function onClose(this: Socket): void {
    connections.get(this)?.closed();
    connections.delete(this);
  }

  node.on(connected, (socket: Socket) => {
    // As `node:http` has it; `node:https` leaves it out, and a handshake that breaks off must not leave a socket half open.
    socket.allowHalfOpen = true;
    connections.set(socket, new Connection(socket, acceptor));
    socket.on("close", onClose);
  });
  if (scheme === "https") {
    node.on("connection", (socket: Socket) => {
      transports.add(socket);
      socket.once("close", () => transports.delete(socket));
    });
  }
  node.on("request", (raw, response) => receive(raw, response, false));
  node.on("checkContinue", (raw, response) => receive(raw, response, true));
  node.on("checkExpectation", (raw, response) => receive(raw, response, false));
  node.on("upgrade", receiveUpgrade);
  node.on("connect", receiveUpgrade);
  node.on("clientError", (error, socket) => {
    const connection = connections.get(socket as Socket);
    if (connection === undefined) socket.destroy();
    else connection.fail(statusOfParseError(error), (error as NodeJS.ErrnoException).code === "HPE_INVALID_EOF_STATE");
  });
  node.on("timeout", (socket) => connections.get(socket)?.silent());
  // An accept that fails, as with EMFILE, ends that connection, not the process.
  node.on("error", () => {});
  return { connections, transports };
}
