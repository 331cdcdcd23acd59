/** How many errors are kept for `close()`; of those beyond it only the number is known. */
const KEPT = 100;

/** A callback's error, and the request line to which it belongs. */
export interface CallbackError {
  readonly error: unknown;
  readonly line: string;
}

/** Errors of callbacks that nobody has been told of yet. Each leaves once. */
export class CallbackErrors {
  #kept: CallbackError[] = [];
  #beyond = 0;

  keep(error: unknown, line = ""): void {
    if (this.#kept.length < KEPT) this.#kept.push({ error, line });
    else this.#beyond++;
  }

  get length(): number {
    return this.#kept.length;
  }

  /** Those that are kept, oldest first. */
  get kept(): readonly CallbackError[] {
    return this.#kept;
  }

  /** The oldest one, for the loop that asks next. */
  takeFirst(): unknown {
    return this.#kept.shift()?.error;
  }

  /** Throws what is left: one error itself, several together. */
  throwAll(): void {
    const errors = this.#kept.map(({ error }) => error);
    const beyond = this.#beyond;
    this.#kept = [];
    this.#beyond = 0;
    if (errors.length + beyond === 0) return;
    if (errors.length === 1 && beyond === 0) throw errors[0];
    const more = beyond === 0 ? "" : `, of which ${errors.length} are here`;
    throw new AggregateError(errors, `${errors.length + beyond} request callbacks failed${more}`);
  }
}
