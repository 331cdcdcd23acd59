import { setImmediate } from "../node";

/**
 * A promise that reports its rejection where nobody has asked for it, so that a forgotten `await` ends no process.
 *
 * Node makes an unhandled rejection the end of the process. This one is always handled; if neither it nor what was
 * derived from it by `then` is waited for by the next turn of the event loop, its error is reported instead.
 */
export class WatchedPromise<T> extends Promise<T> {
  /** How many rejections may still turn out to be awaited by nobody. */
  static doubtful = 0;

  #report: ((error: unknown) => void) | undefined = undefined;
  #awaited = false;

  static watch<T>(promise: Promise<T>, report: (error: unknown) => void): Promise<T> {
    const watched = new WatchedPromise<T>((resolve, reject) => void promise.then(resolve, reject));
    watched.#watch(report);
    return watched;
  }

  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#awaited = true;
    const derived = super.then(onFulfilled, onRejected) as WatchedPromise<A | B>;
    if (this.#report !== undefined) derived.#watch(this.#report);
    return derived;
  }

  #watch(report: (error: unknown) => void): void {
    this.#report = report;
    void super.then(undefined, (error: unknown) => {
      if (this.#awaited) return;
      WatchedPromise.doubtful++;
      setImmediate(() => {
        WatchedPromise.doubtful--;
        if (!this.#awaited) report(error);
      });
    });
  }
}
