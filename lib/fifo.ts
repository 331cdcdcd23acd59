/** One place in a {@link Fifo}; keep it to leave the line before your turn. */
export interface Place<T> {
  readonly value: T;
  /** @internal */ previous: Place<T> | undefined;
  /** @internal */ next: Place<T> | undefined;
  /** @internal */ waiting: boolean;
}

/**
 * A line: first in, first out, and anybody may leave it from the middle.
 *
 * Every operation costs the same for one entry and for 100,000: an array's `shift` and `splice` or a `Set` that is
 * emptied from its front would not.
 */
export class Fifo<T> {
  #first: Place<T> | undefined;
  #last: Place<T> | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: T): Place<T> {
    const place: Place<T> = { value, previous: this.#last, next: undefined, waiting: true };
    if (this.#last === undefined) this.#first = place;
    else this.#last.next = place;
    this.#last = place;
    this.#length++;
    return place;
  }

  shift(): T | undefined {
    const place = this.#first;
    if (place === undefined) return undefined;
    this.remove(place);
    return place.value;
  }

  /** Leaves the line; does nothing for a place that has left it already. */
  remove(place: Place<T>): void {
    if (!place.waiting) return;
    place.waiting = false;
    if (place.previous === undefined) this.#first = place.next;
    else place.previous.next = place.next;
    if (place.next === undefined) this.#last = place.previous;
    else place.next.previous = place.previous;
    place.previous = place.next = undefined;
    this.#length--;
  }

  /** All places, first to last. */
  *places(): Generator<Place<T>> {
    for (let place = this.#first; place !== undefined; place = place.next) yield place;
  }
}
