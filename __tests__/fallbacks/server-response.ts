import type { Server, ServerResponse } from "node:http";
import type { ResponseHead } from "../../lib/wire/response-head";
import * as real from "../../lib/wire/server-response";

/** What Node has, but does not document. */
function isInside(name: string | symbol): boolean {
  return typeof name === "string" && (name.startsWith("_") || name === "httpAllowHalfOpen");
}

/** A response or a server as a Node would have it whose insides are others: nothing but what Node documents. */
function documented<T extends Server | ServerResponse>(given: T): T {
  return new Proxy(given, {
    get(target, name) {
      if (isInside(name)) return undefined;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
    set: (target, name, value) => isInside(name) || Reflect.set(target, name, value),
  });
}

export function sendWhole(response: ServerResponse, content: string | Buffer): void {
  real.sendWhole(documented(response), content);
}

export function sendHead(response: ServerResponse): Promise<void> {
  return real.sendHead(documented(response));
}

export function writeLastHead(response: ServerResponse, head: ResponseHead): void {
  real.writeLastHead(documented(response), head);
}

export const { endsAsTold, makeLast } = real;

export function staysOpenWithoutContinue(response: ServerResponse): void {
  real.staysOpenWithoutContinue(documented(response));
}

export const allowHalfOpen: typeof real.allowHalfOpen = (node, ...given) =>
  real.allowHalfOpen(documented(node), ...given);

export const stopAccepting: typeof real.stopAccepting = (node, closed) => real.stopAccepting(node, closed, false);
