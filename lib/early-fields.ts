import { IncomingMessage } from "node:http";

/** Node's own object of all header fields, which it makes when it is first asked for it. */
export const allFields = Object.getOwnPropertyDescriptor(IncomingMessage.prototype, "headers") as Required<PropertyDescriptor>;

function all(message: IncomingMessage): object {
  return allFields.get.call(message) as object;
}

function haveExpect(lines: readonly string[]): boolean {
  for (let i = 0; i < lines.length; i += 2) {
    if (lines[i]!.length === 6 && lines[i]!.toLowerCase() === "expect") return true;
  }
  return false;
}

/** Everything but the look at an `Expect` that is not there goes to the object of all fields. */
const handler: Record<string, (message: IncomingMessage, ...rest: unknown[]) => unknown> = {};
const operations = Reflect as unknown as Record<string, (fields: object, ...rest: unknown[]) => unknown>;
for (const name of Object.getOwnPropertyNames(Reflect)) {
  handler[name] = (message, ...rest) => operations[name]!(all(message), ...rest);
}
handler["get"] = (message, name) =>
  name === "expect" && !haveExpect(message.rawHeaders) ? undefined : Reflect.get(all(message), name as PropertyKey);

/**
 * Gives the header fields of a message for one look that is most probably Node's own.
 *
 * Of an HTTP/1.1 request Node asks nothing but whether there is an `Expect`, and for that it would make an object of all
 * fields, which takes longer than all that this library does. Whoever looks in its place finds every field here.
 */
export function earlyFields(message: IncomingMessage): object {
  return new Proxy(message, handler);
}
