import { IncomingMessage } from "node:http";
import { inspect } from "node:util";

/** Node's own object of all header fields, which it makes when it is first asked for it. */
export const allFields = Object.getOwnPropertyDescriptor(IncomingMessage.prototype, "headers") as Required<PropertyDescriptor>;

/** What the proxy stands before: the fields of a message that need not exist yet. */
class EarlyFields {
  readonly #message: IncomingMessage;

  constructor(message: IncomingMessage) {
    this.#message = message;
  }

  get all(): object {
    return allFields.get.call(this.#message) as object;
  }

  get haveExpect(): boolean {
    const lines = this.#message.rawHeaders;
    for (let i = 0; i < lines.length; i += 2) {
      if (lines[i]!.length === 6 && lines[i]!.toLowerCase() === "expect") return true;
    }
    return false;
  }

  /** Printed is what stands behind a proxy, unless that says otherwise; `this` is the proxy. */
  [inspect.custom](): object {
    return { ...this };
  }
}

/** Everything but the look at an `Expect` that is not there goes to the object of all fields. */
const handler: Record<string, (early: EarlyFields, ...rest: unknown[]) => unknown> = {};
const operations = Reflect as unknown as Record<string, (fields: object, ...rest: unknown[]) => unknown>;
for (const name of Object.getOwnPropertyNames(Reflect)) {
  handler[name] = (early, ...rest) => operations[name]!(early.all, ...rest);
}
handler["get"] = (early, name) =>
  name === "expect" && !early.haveExpect ? undefined : Reflect.get(early.all, name as PropertyKey);

/**
 * Gives the header fields of a message that Node has not handed on yet.
 *
 * All that Node itself asks them for is `Expect`, and for that it would make an object of all fields, which takes longer
 * than all that this library does. A tracer that looks as early as Node, or a listener that comes before ours, finds
 * every field here.
 */
export function earlyFields(message: IncomingMessage): object {
  return new Proxy(new EarlyFields(message), handler);
}
