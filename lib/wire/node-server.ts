import type { IncomingMessage, Server, ServerOptions, ServerResponse } from "node:http";
import type * as tls from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { http, https } from "../node";
import { Connection, type Acceptor } from "./connection";
import { Exchange } from "./exchange";
import { Incoming } from "./incoming-message";
import type { BodyOptions } from "./request-body";
import { limitsOf, methodOfRefused, readHead, statusOfParseError, type ParseError } from "./request-head";
import { allowHalfOpen, staysOpenWithoutContinue } from "./server-response";
import { UpgradeDecision } from "./upgrade";

/** Our own defaults for Node's options; the caller's go on top. */
const DEFAULTS: ServerOptions = {
  // Longer than the 60 s for which nginx and most balancers keep an idle connection, so that they end it, not we.
  keepAliveTimeout: 65_000,
  // How exactly Node's own two are kept: 60 s for a head (`headersTimeout`), 300 s for a request (`requestTimeout`).
  connectionsCheckingInterval: 5_000,
  // TCP keep-alive, as in Go: a client that vanished without a word is noticed, and its descriptor let go of.
  keepAlive: true,
  keepAliveInitialDelay: 15_000,
};
/** Milliseconds for which a client may leave a response unread, if `server.node.timeout` does not say. */
const SEND_TIMEOUT = 120_000;

/** What a server is made with, as far as it concerns the wire. */
export interface NodeServerOptions {
  readonly http?: ServerOptions | undefined;
  readonly tls?: tls.ServerOptions | undefined;
}

/** Makes the server of `node:http`, or of `node:https`, that does the parsing. */
function createNodeServer({ http: given, tls }: NodeServerOptions, upgrades: UpgradeDecision): Server {
  const options = {
    ...DEFAULTS,
    ...givenOf(given),
    ...givenOf(tls),
    // What this library is built on, whatever the caller says. The head is checked in `request-head`, where one refusal
    // is like another.
    requireHostHeader: false,
    IncomingMessage: Incoming as typeof http.IncomingMessage,
    // A message that is never read as a stream would be no stream at all, for nobody.
    optimizeEmptyRequests: false,
    shouldUpgradeCallback(this: Server, raw: IncomingMessage): boolean {
      return othersListen(this, "upgrade") || upgrades.shouldUpgrade(raw);
    },
  };
  const node = tls === undefined ? http.createServer(options) : createSecureServer(options);
  // Node drops header fields beyond its count in silence; `headerLimit` and `maxHeaderSize` refuse them.
  node.maxHeadersCount = 0;
  return node;
}

/** An option that is `undefined` is not given: it leaves the default as it is. */
function givenOf<T extends object>(options: T | undefined): T {
  return Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined)) as T;
}

function createSecureServer(options: object): Server {
  return https().createServer(options) as unknown as Server;
}

/** Does anybody but this library listen for these events? Its own listener is there from the start. */
function othersListen(
  node: Server,
  event: "request" | "checkContinue" | "upgrade" | "connect" | "clientError",
): boolean {
  return node.listenerCount(event) > 1;
}

/** Who is connected, kept up to date. */
export interface Clients {
  /** By the socket that carries HTTP. */
  readonly connections: ReadonlyMap<Socket, Connection>;
  /** Below TLS, those whose handshake is not done included; else empty. */
  readonly transports: ReadonlySet<Socket>;
}

/** Turns what Node's server emits into the exchanges of connections. */
export function connectClients(
  options: NodeServerOptions,
  bodies: BodyOptions,
  server: Omit<Acceptor, "attach" | "sendTimeout" | "bodyTimeout" | "idleTimeout">,
): Clients & { readonly node: Server } {
  const upgrades = new UpgradeDecision();
  const node = createNodeServer(options, upgrades);
  const secure = options.tls !== undefined;
  const maxHeaderSize = options.tls?.maxHeaderSize ?? options.http?.maxHeaderSize ?? http.maxHeaderSize;
  const upgradeLimits = limitsOf(bodies.maxBody, maxHeaderSize);
  /** Where somebody reads the body as it comes, nothing is refused for what it announces. */
  const readerLimits = limitsOf(Infinity, maxHeaderSize);
  const limits = bodies.stream ? readerLimits : upgradeLimits;
  const connections = new Map<Socket, Connection>();
  const transports = new Set<Socket>();
  const connected = secure ? "secureConnection" : "connection";
  // As yet only Node listens: a socket that is given back to it is no new connection to anybody else.
  const nodes = node.listeners(connected);
  const acceptor: Acceptor = {
    ...server,
    attach: (socket) => nodes.forEach((listener) => void listener.call(node, socket)),
    // Node's own `timeout` would cost every request a timer; here only a response that does not leave at once gets one.
    sendTimeout: () => node.timeout || SEND_TIMEOUT,
    bodyTimeout: () => node.requestTimeout,
    idleTimeout: () => (node.keepAliveTimeout > 0 ? undefined : node.timeout),
  };

  const receive = (raw: IncomingMessage, response: ServerResponse, expects: boolean): void => {
    // Not by the map: with thousands of sockets that would be out of the processor's caches at each request.
    const connection = Connection.of(raw.socket);
    // Another listener may emit a request once more, as behind a rewrite of its URL; it is one request all the same.
    if (connection === undefined || Exchange.has(response)) return;
    const shared = othersListen(node, "request");
    const head = readHead(raw, shared ? readerLimits : limits);
    // Of a server that is being closed, every response is the last on its connection.
    if (head.close || (head.length !== 0 && upgrades.wasDeclined(raw)) || !node.listening)
      response.shouldKeepAlive = false;
    // A body that is there already, or none, needs no 100; Node would end the connection behind such a response.
    if (expects) staysOpenWithoutContinue(response);
    const exchange = new Exchange(raw, response, connection, head, bodies, expects);
    if (shared) exchange.body.share();
    connection.receive(exchange, !response.shouldKeepAlive);
  };

  const receiveUpgrade = (event: "upgrade" | "connect", raw: IncomingMessage, socket: Duplex, behind: Buffer): void => {
    const connection = connections.get(socket as Socket);
    // As with bare `node:http`: where others listen for upgrades, these are theirs.
    if (othersListen(node, event)) return connection?.leaveToOthers();
    if (connection === undefined) return void socket.destroy();
    const head = readHead(raw, upgradeLimits);
    const response = new http.ServerResponse(raw);
    response.shouldKeepAlive = !head.close && raw.httpVersionMinor === 1 && node.listening;
    const exchange = new Exchange(raw, response, connection, head, { maxBody: bodies.maxBody, stream: false }, false);
    connection.receiveUpgrade(exchange, behind, !response.shouldKeepAlive);
  };

  // One function for all sockets: an idle connection costs no more than Node's own.
  function onClose(this: Socket): void {
    connections.get(this)?.closed();
    connections.delete(this);
  }

  allowHalfOpen(node, connected, (socket) => connections.get(socket)?.exchanges.at(-1)?.response);
  node.on(connected, (socket: Socket) => {
    // As `node:http` has it; `node:https` leaves it out, and a handshake that breaks off must not leave a socket half open.
    socket.allowHalfOpen = true;
    connections.set(socket, new Connection(socket, acceptor));
    socket.on("close", onClose);
  });
  if (secure) {
    node.on("connection", (socket: Socket) => {
      transports.add(socket);
      socket.once("close", () => transports.delete(socket));
    });
  }
  node.on("request", (raw, response) => receive(raw, response, false));
  node.on("checkContinue", (raw, response) => {
    if (!othersListen(node, "request") || othersListen(node, "checkContinue")) return receive(raw, response, true);
    // As `node:http` has it where nobody listens for this event: others get the request as well.
    response.writeContinue();
    node.emit("request", raw, response);
  });
  node.on("checkExpectation", (raw, response) => receive(raw, response, false));
  node.on("upgrade", (raw, socket, behind) => receiveUpgrade("upgrade", raw, socket, behind));
  node.on("connect", (raw, socket, behind) => receiveUpgrade("connect", raw, socket, behind));
  node.on("clientError", (error: ParseError, socket) => {
    // As with bare `node:http`: a listener of this event responds itself.
    if (othersListen(node, "clientError")) return;
    const connection = connections.get(socket as Socket);
    if (connection === undefined) return void socket.destroy();
    const isFirst = error.rawPacket?.length === (socket as Socket).bytesRead;
    const mayBeHead = methodOfRefused(error, isFirst) === undefined;
    connection.fail(
      { status: statusOfParseError(error, limits, isFirst), mayBeHead },
      error.code === "HPE_INVALID_EOF_STATE",
      error.rawPacket,
    );
  });
  node.on("timeout", (socket) => connections.get(socket)?.silent());
  // An accept that fails, as with EMFILE, ends that connection, not the process.
  node.on("error", () => {});
  return { node, connections, transports };
}
