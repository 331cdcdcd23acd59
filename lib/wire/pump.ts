import { isSource, iterate, normalize, release, type Source } from "./content";
import { withCode } from "../errors";
import type { Outgoing } from "./server-response";

/** Tells a running {@link pump} that the client has gone, whatever it is waiting for. */
export class Departure {
  happened = false;
  #wake: (() => void) | undefined;

  announce(): void {
    this.happened = true;
    this.#wake?.();
  }

  /** Settles as the promise does, or with `undefined` when the client goes first; holds on to nothing afterwards. */
  before<T>(promise: PromiseLike<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#wake = () => resolve(undefined);
      if (this.happened) resolve(undefined);
      promise.then(resolve, reject);
    });
  }
}

/**
 * Sends what a source yields, as it comes, and no faster than the client takes it.
 *
 * @param limit the Content-Length that was promised, or -1; what goes beyond it is not sent
 * @returns how many bytes were handed to Node, once the source has ended, the limit is reached or the client is gone
 * @throws whatever the source throws, TypeError for a chunk that is neither text nor bytes
 */
export async function pump(source: Source, out: Outgoing, limit: number, departure: Departure): Promise<number> {
  const iterator = iterate(source);
  let sent = 0;
  try {
    // The head must not wait for the first event of a slow source.
    out.sendHead();
    for (;;) {
      const step = await departure.before(iterator.next());
      if (step === undefined) {
        release(source, iterator);
        return sent;
      }
      if (step.done === true) return sent;
      let bytes = bytesOf(step.value);
      const last = limit >= 0 && sent + bytes.length > limit;
      if (last) bytes = bytes.subarray(0, limit - sent);
      sent += bytes.length;
      const more = bytes.length === 0 || out.write(bytes);
      if (last) {
        release(source, iterator);
        return sent;
      }
      if (!more) await departure.before(new Promise((resolve) => out.once("drain", resolve)));
    }
  } catch (error) {
    release(source, iterator);
    throw error;
  }
}

/** A chunk of a source, as bytes. */
export function bytesOf(chunk: unknown): Buffer {
  const bytes = normalize(chunk);
  if (typeof bytes === "string") return Buffer.from(bytes);
  if (!isSource(bytes)) return bytes;
  throw withCode("ERR_INVALID_ARGUMENT", new TypeError("a source of content must yield strings or bytes, got another source"));
}
