import type * as http from "node:http";
import type { SecureContextOptions } from "node:tls";
import { withCode } from "./errors";
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
   * Node's own: timeouts, `maxHeaderSize`, ….
   *
   * The server's own, whatever is given: `requireHostHeader`, `shouldUpgradeCallback`, `optimizeEmptyRequests`; an error
   * to give: `IncomingMessage`, `ServerResponse`.
   */
  readonly http?: http.ServerOptions | undefined;
  /** `{ key, cert }`: serve HTTPS instead. */
  readonly tls?: SecureContextOptions | undefined;
  /**
   * Told of every error that a callback throws.
   *
   * Without it, see `acceptRequest`, `serve` and `close`.
   */
  readonly onError?: ((error: unknown, request?: Request) => void) | undefined;
}

/** How long a single wait for a request may last. */
export interface WaitOptions {
  /** Milliseconds until the wait is rejected with `ERR_ACCEPT_TIMEOUT`. Default: no end. */
  readonly timeout?: number | undefined;
  /** Aborted, it rejects the wait with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How a server is closed. */
export interface CloseOptions {
  /** Milliseconds for which what has arrived may still be answered. Default 0. */
  readonly grace?: number | undefined;
}

/** What a timer of Node can count to, in milliseconds. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

/**
 * @throws TypeError or RangeError `ERR_INVALID_ARGUMENT`, Error `ERR_UNSUPPORTED`
 *
 * @internal
 */
export function checkOptions(options: AsyncHttpServerOptions): void {
  checkObject("options", options);
  const { reuseAddr, reusePort, maxBody, onError } = options;
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
  for (const name of ["IncomingMessage", "ServerResponse"] as const) {
    if (options.http?.[name] !== undefined) {
      throw invalid(TypeError, `http.${name} cannot be replaced: the server has its own`, options.http[name]);
    }
  }
}

/**
 * @throws TypeError or RangeError `ERR_INVALID_ARGUMENT`
 *
 * @internal
 */
export function checkTime(name: string, time: unknown): void {
  if (typeof time !== "number") throw invalid(TypeError, `${name} must be a number of milliseconds`, time);
  if (time === Infinity || (time >= 0 && time <= LONGEST_TIMEOUT)) return;
  throw invalid(RangeError, `${name} must be from 0 to ${LONGEST_TIMEOUT} milliseconds, or Infinity`, time);
}

/**
 * @throws TypeError or RangeError `ERR_INVALID_ARGUMENT`
 *
 * @internal
 */
export function checkWait(wait: WaitOptions): void {
  checkObject("wait", wait);
  const { timeout, signal } = wait;
  if (timeout !== undefined) checkTime("timeout", timeout);
  if (signal !== undefined && typeof signal.addEventListener !== "function") {
    throw invalid(TypeError, "signal must be an AbortSignal", signal);
  }
}

function checkObject(name: string, value: unknown): void {
  if (typeof value !== "object" || value === null) throw invalid(TypeError, `${name} must be an object`, value);
}

/** @internal */
export function invalid<E extends Error>(kind: new (message: string) => E, problem: string, value: unknown): E {
  const shown = typeof value === "object" && value !== null ? "an object" : String(value);
  return withCode("ERR_INVALID_ARGUMENT", new kind(`${problem}; got ${shown}`));
}

function unsupported(problem: string): Error {
  return withCode("ERR_UNSUPPORTED", new Error(problem));
}

function canReusePort(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
}
