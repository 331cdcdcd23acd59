import { stream } from "../node";

/** Where a {@link BodyStream} has its bytes from. */
export interface BodySource {
  /** The first read: from now on every chunk is pushed into the stream, then `null`; or the stream is destroyed. */
  begin(stream: BodyStream): void;
  /** The stream takes more again. */
  resume(): void;
  /** The stream was destroyed: its reader wants no more. */
  stop(): void;
}

/**
 * The body of a request, for its handler to read.
 *
 * A layer above Node's message: a message that is destroyed before it is whole takes its connection along, but a handler
 * that stops reading, or whose pipeline fails, still has a response to send.
 */
export class BodyStream extends stream.Readable {
  readonly #source: BodySource;
  #begun = false;

  constructor(source: BodySource) {
    super();
    this.#source = source;
  }

  /** Was it read? */
  get begun(): boolean {
    return this.#begun;
  }

  override _read(): void {
    if (this.#begun) return this.#source.resume();
    this.#begun = true;
    this.#source.begin(this);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#begun) this.#source.stop();
    // As Node has it for its messages: one on which nobody listens for errors ends no process.
    callback(this.listenerCount("error") === 0 ? null : error);
  }
}
