type Outcome = PromiseSettledResult<unknown>;

/** The clients that waits were given, by their promises. */
const known = new WeakMap<PromiseLike<unknown>, Client>();

/**
 * A client that runs beside waits; from the first one on, its rejection is nobody's surprise.
 *
 * A promise keeps all that it was given until it settles. The client of many waits would keep the request of each, so it
 * gets one function for all of them.
 */
export class Client {
  readonly #followers = new Set<(outcome: Outcome) => void>();
  #outcome: Outcome | undefined = undefined;

  /** What is no real promise may work anew each time that it is asked: it is asked once. */
  static of(given: PromiseLike<unknown>): Client {
    let client = known.get(given);
    if (client === undefined) known.set(given, (client = new Client(given)));
    return client;
  }

  private constructor(given: PromiseLike<unknown>) {
    Promise.resolve(given).then(
      (value) => this.#tell({ status: "fulfilled", value }),
      (reason: unknown) => this.#tell({ status: "rejected", reason }),
    );
  }

  /** Tells, not at once, how the client ends; what it returns takes that back. */
  follow(follower: (outcome: Outcome) => void): () => void {
    const outcome = this.#outcome;
    if (outcome === undefined) this.#followers.add(follower);
    else void Promise.resolve().then(() => follower(outcome));
    return () => void this.#followers.delete(follower);
  }

  #tell(outcome: Outcome): void {
    this.#outcome = outcome;
    for (const follower of this.#followers) follower(outcome);
    this.#followers.clear();
  }
}
