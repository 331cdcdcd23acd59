import type * as http from "node:http";
import type * as https from "node:https";
import { shown, withCode } from "./errors";
import type { Request } from "./request";

/** What a server is made with. */
export interface AsyncHttpServerOptions {
  /** `true`; Node always sets SO_REUSEADDR, so `false` is an error. */
  readonly reuseAddr?: boolean | undefined;
  /**
   * SO_REUSEPORT: several processes listen on one port. Default `false`.
   *
   * An error where this Node cannot do it.
   */
  readonly reusePort?: boolean | undefined;
  /** Bytes of a body that are taken; one more gets 413. Default 8,388,608. */
  readonly maxBody?: number | undefined;
  /**
   * `true`: a request is handed out when its head is there, and its body is read as it comes. Default `false`.
   *
   * See `Request.bodyStream` and `Request.readBody`.
   */
  readonly stream?: boolean | undefined;
  /**
   * Node's own: timeouts, `maxHeaderSize`, ….
   *
   * The server's own, whatever is given: `requireHostHeader`, `shouldUpgradeCallback`, `optimizeEmptyRequests`; an error
   * to give: `IncomingMessage`, `ServerResponse`.
   */
  readonly http?: http.ServerOptions | undefined;
  /** `{ key, cert }`, and whatever else `https.createServer` takes, such as `requestCert`: serve HTTPS instead. */
  readonly tls?: https.ServerOptions | undefined;
  /**
   * Is given every error of a handler.
   *
   * Without it, see `acceptRequest`, `serve` and `close`.
   */
  readonly onError?: ((error: unknown, request: Request) => void) | undefined;
}

/** What a single wait is for, and how long it lasts. */
export interface WaitOptions {
  /** Milliseconds until the wait is rejected with `ERR_ACCEPT_TIMEOUT`, whatever else arrives. Default: no end. */
  readonly timeout?: number | undefined;
  /** Aborted, it rejects the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Says whether this is the request that is waited for; queued ones are asked first.
   *
   * What it says no to stays for others: another wait, the handler of `serve`, the queue. If it throws, the wait is
   * rejected with its error, and no request is lost.
   */
  readonly where?: ((request: Request) => boolean) | undefined;
  /**
   * The promise of the client: if it settles before its request has arrived, the wait is rejected at once with
   * `ERR_CLIENT_FINISHED`, whose `cause` is the client's error.
   *
   * The promise counts as handled from the call on, so that a test that fails before it awaits the client is not followed
   * by an unhandled rejection.
   */
  readonly while?: PromiseLike<unknown> | undefined;
}

/** How a server is closed. */
export interface CloseOptions {
  /** Milliseconds for which requests that have arrived may still get their response. Default 0. */
  readonly grace?: number | undefined;
}

/** What a timer of Node can count to, in milliseconds. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

const SERVER_OPTIONS = ["reuseAddr", "reusePort", "maxBody", "stream", "http", "tls", "onError"];
const WAIT_OPTIONS = ["timeout", "signal", "where", "while"];
const CLOSE_OPTIONS = ["grace"];

/**
 * @param more names that are known besides
 * @throws TypeError or RangeError `ERR_INVALID_ARGUMENT`, Error `ERR_UNSUPPORTED`
 *
 * @internal
 */
export function checkOptions(options: AsyncHttpServerOptions, more: readonly string[] = []): void {
  checkNames("a server", options, [...SERVER_OPTIONS, ...more]);
  const { reuseAddr, reusePort, maxBody, stream, onError } = options;
  for (const [name, value] of Object.entries({ reuseAddr, reusePort, stream })) {
    if (value !== undefined && typeof value !== "boolean")
      throw invalid(TypeError, `${name} must be true or false`, value);
  }
  if (reuseAddr === false) {
    throw unsupported("reuseAddr cannot be false: Node sets SO_REUSEADDR on every listening socket");
  }
  if (reusePort === true && !canReusePort(process.versions.node)) {
    throw unsupported(`reusePort needs Node 22.12 or 23.1, this is ${process.versions.node}: use node:cluster instead`);
  }
  if (maxBody !== undefined && !(Number.isInteger(maxBody) && maxBody >= 0)) {
    throw invalid(RangeError, "maxBody must be a whole number of bytes, 0 or more", maxBody);
  }
  if (onError !== undefined && typeof onError !== "function") {
    throw invalid(TypeError, "onError must be a function", onError);
  }
  for (const name of ["http", "tls"] as const) {
    const value: unknown = options[name];
    if (value === undefined) continue;
    if (typeof value !== "object" || value === null) {
      const module = name === "tls" ? "https" : name;
      throw invalid(TypeError, `${name} must be an object with options of node:${module}`, value);
    }
    for (const [part, replaced] of Object.entries(value)) {
      if (!["IncomingMessage", "ServerResponse"].includes(part) || replaced === undefined) continue;
      throw invalid(TypeError, `${name}.${part} cannot be replaced: the server has its own`, replaced);
    }
  }
}

/** @throws TypeError or RangeError `ERR_INVALID_ARGUMENT` @internal */
export function checkTime(name: string, time: unknown): void {
  if (typeof time !== "number") throw invalid(TypeError, `${name} must be a number of milliseconds`, time);
  if (time === Infinity || (time >= 0 && time <= LONGEST_TIMEOUT)) return;
  throw invalid(RangeError, `${name} must be from 0 to ${LONGEST_TIMEOUT} milliseconds, or Infinity`, time);
}

/** The error of a call without its handler. @internal */
export function noHandler(call: string, given: unknown): TypeError {
  return invalid(TypeError, `${call} needs a callback`, given);
}

/** @throws TypeError `ERR_INVALID_ARGUMENT` @internal */
export function checkDescriptors(assumed: unknown): void {
  if (typeof assumed === "number" && !Number.isNaN(assumed)) return;
  throw invalid(TypeError, "assumedDescriptorsPerRequest must be a number", assumed);
}

/** @throws TypeError or RangeError `ERR_INVALID_ARGUMENT` @internal */
export function checkWait(wait: WaitOptions): void {
  checkNames("acceptRequest", wait, WAIT_OPTIONS);
  const { timeout, signal, where } = wait;
  if (timeout !== undefined) checkTime("timeout", timeout);
  if (signal !== undefined && typeof signal?.addEventListener !== "function") {
    throw invalid(TypeError, "signal must be an AbortSignal", signal);
  }
  if (where !== undefined && typeof where !== "function") {
    throw invalid(TypeError, "where must be a function that is given a request and returns a boolean", where);
  }
  if (wait.while !== undefined && typeof wait.while?.then !== "function") {
    throw invalid(TypeError, "while must be a promise, such as that of the client", wait.while);
  }
}

/** @throws TypeError or RangeError `ERR_INVALID_ARGUMENT` @internal */
export function checkClose(options: CloseOptions): void {
  checkNames("close", options, CLOSE_OPTIONS);
  if (options.grace !== undefined) checkTime("grace", options.grace);
}

/** An option that nobody knows is a mistake, most often a misspelt one. */
function checkNames(what: string, options: object, known: readonly string[]): void {
  if (typeof options !== "object" || options === null)
    throw invalid(TypeError, `the options of ${what} must be an object`, options);
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const problem = `${what} has no option ${JSON.stringify(name)}, it has ${known.join(", ")}`;
    throw withCode("ERR_INVALID_ARGUMENT", new TypeError(problem));
  }
}

/** @internal */
export function invalid<E extends Error>(kind: new (message: string) => E, problem: string, value: unknown): E {
  return withCode("ERR_INVALID_ARGUMENT", new kind(`${problem}; got ${shown(value)}`));
}

function unsupported(problem: string): Error {
  return withCode("ERR_UNSUPPORTED", new Error(problem));
}

function canReusePort(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
}
