/** How many errors are kept for `close()`; of those beyond it only the number is known. */
const KEPT = 100;
/** How many requests the error of several names. */
const NAMED = 5;

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
    const kept = this.#kept;
    const errors = kept.map(({ error }) => error);
    const beyond = this.#beyond;
    this.#kept = [];
    this.#beyond = 0;
    if (errors.length + beyond === 0) return;
    if (errors.length === 1 && beyond === 0) throw errors[0];
    const lines = [...new Set(kept.map(({ line }) => line))];
    const named = lines.length === 0 ? "" : `: ${lines.slice(0, NAMED).join(", ")}${lines.length > NAMED ? ", …" : ""}`;
    const more = beyond === 0 ? "" : `, of which ${errors.length} are here`;
    const error = new AggregateError(errors, `${errors.length + beyond} errors in handlers${more}${named}`);
    // The lines that count are in the errors.
    error.stack = `${error.name}: ${error.message}`;
    throw error;
  }
}
