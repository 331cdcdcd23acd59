/** What can stand in a {@link Fifo}, in one at a time: the links are its own, so that standing there takes no object. */
export interface Linked<T> {
  /** Is it in a queue? */
  queued: boolean;
  /** @internal */ previous: T | undefined;
  /** @internal */ next: T | undefined;
}

/**
 * A queue: first in, first out; an entry can be removed from the middle.
 *
 * Every operation costs the same for one entry and for 100,000: an array's `shift` and `splice` or a `Set` that is
 * emptied from its front would not.
 */
export class Fifo<T extends Linked<T>> {
  #first: T | undefined;
  #last: T | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get first(): T | undefined {
    return this.#first;
  }

  push(entry: T): void {
    entry.queued = true;
    entry.previous = this.#last;
    if (this.#last === undefined) this.#first = entry;
    else this.#last.next = entry;
    this.#last = entry;
    this.#length++;
  }

  shift(): T | undefined {
    const entry = this.#first;
    if (entry !== undefined) this.remove(entry);
    return entry;
  }

  /** Removes an entry; does nothing for one that is not in the queue. */
  remove(entry: T): void {
    if (!entry.queued) return;
    entry.queued = false;
    if (entry.previous === undefined) this.#first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === undefined) this.#last = entry.previous;
    else entry.next.previous = entry.previous;
    entry.previous = entry.next = undefined;
    this.#length--;
  }

  /** All entries, first to last. After removing one, stop. */
  *[Symbol.iterator](): Generator<T> {
    for (let entry = this.#first; entry !== undefined; entry = entry.next) yield entry;
  }
}
