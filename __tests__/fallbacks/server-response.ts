import type { ServerResponse } from "node:http";
import type { ResponseHead } from "../../lib/wire/response-head";
import * as real from "../../lib/wire/server-response";

/** A response as a Node would have it whose insides are others: nothing but what Node documents. */
function documented(response: ServerResponse): ServerResponse {
  return new Proxy(response, {
    get(target, name) {
      if (typeof name === "string" && name.startsWith("_")) return undefined;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
    set: (target, name, value) =>
      typeof name === "string" && name.startsWith("_") ? true : Reflect.set(target, name, value),
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

export function needsNoContinue(response: ServerResponse): void {
  real.needsNoContinue(documented(response));
}
