/** Chunks below this many bytes are copied together, so that a body in tiny chunks costs what its bytes cost. */
const SMALL_CHUNK = 4096;
/** A body announced to be at least this long gets its whole buffer before it has arrived. */
const LARGE_BODY = 262_144;
const LARGEST_BLOCK = 65_536;

/** The body of a request that has none. */
export const emptyBody: Buffer = Buffer.alloc(0);

/**
 * Gathers the bytes of one body.
 *
 * A body in one chunk is that chunk, not a copy. A large one with a known length is copied once, into a buffer that is
 * made when half of it has arrived: a client that announces 8 MiB and sends one byte costs memory for one byte.
 */
export class BodyBuffer {
  /** How many bytes have arrived. */
  length = 0;
  readonly #announced: number;
  #parts: Buffer[] = [];
  #block: Buffer = emptyBody;
  #blockUsed = 0;
  #whole: Buffer | undefined;

  /** @param announced the Content-Length, or -1 where only the end tells it */
  constructor(announced: number) {
    this.#announced = announced;
  }

  append(chunk: Buffer): void {
    const at = this.length;
    this.length += chunk.length;
    if (this.#whole !== undefined) chunk.copy(this.#whole, at);
    else if (chunk.length >= SMALL_CHUNK || this.length === this.#announced) this.#appendPart(chunk);
    else this.#appendSmall(chunk);
    if (this.#whole === undefined && this.#announced >= LARGE_BODY && this.length * 2 >= this.#announced) {
      this.#whole = this.#gather(Buffer.allocUnsafeSlow(this.#announced));
    }
  }

  /** The body, once all of it is there. */
  take(): Buffer {
    this.#sealBlock();
    const whole =
      this.#whole ?? (this.#parts.length === 1 ? this.#parts[0]! : this.#gather(Buffer.allocUnsafeSlow(this.length)));
    this.#parts = [];
    this.#whole = undefined;
    return whole;
  }

  /** A copy of what has arrived so far. */
  peek(): Buffer {
    if (this.#whole !== undefined) return Buffer.from(this.#whole.subarray(0, this.length));
    this.#sealBlock();
    return Buffer.concat(this.#parts);
  }

  #appendPart(chunk: Buffer): void {
    this.#sealBlock();
    this.#parts.push(chunk);
  }

  #appendSmall(chunk: Buffer): void {
    if (this.#blockUsed + chunk.length > this.#block.length) {
      this.#sealBlock();
      const twice = Math.min(this.length * 2, LARGEST_BLOCK);
      this.#block = Buffer.allocUnsafeSlow(Math.max(twice, chunk.length, 64));
    }
    chunk.copy(this.#block, this.#blockUsed);
    this.#blockUsed += chunk.length;
  }

  #sealBlock(): void {
    if (this.#blockUsed > 0) this.#parts.push(this.#block.subarray(0, this.#blockUsed));
    this.#block = emptyBody;
    this.#blockUsed = 0;
  }

  #gather(into: Buffer): Buffer {
    this.#sealBlock();
    let at = 0;
    for (const part of this.#parts) at += part.copy(into, at);
    this.#parts = [];
    return into;
  }
}
