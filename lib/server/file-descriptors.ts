import { fs } from "../node";

/**
 * The descriptor limit that is assumed where the process's own cannot be read, as in Nim.
 *
 * @example
 * import { nimMaxDescriptorsFallback } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * assert.equal(nimMaxDescriptorsFallback, 16_000);
 *
 * @see Nim's `asynchttpserver.nimMaxDescriptorsFallback`
 */
export const nimMaxDescriptorsFallback = 16_000;

/** Has an entry for each descriptor of the process. */
const DIRECTORY = "/dev/fd";

/** How many descriptors this process may open. */
function maxDescriptors(): number {
  try {
    const soft = /^Max open files\s+(\d+|unlimited)/m.exec(fs.readFileSync("/proc/self/limits", "latin1"))?.[1];
    if (soft === "unlimited") return Infinity;
    return soft === undefined ? nimMaxDescriptorsFallback : Number(soft);
  } catch {
    return nimMaxDescriptorsFallback;
  }
}

/** The part of the free descriptors that may be spent on trust: other code opens some, too. */
const TRUSTED = 1 / 8;

/**
 * Minds the process's descriptors without counting them at every question.
 *
 * A count is trusted until the questions and connections since could have used up an eighth of what was free then.
 *
 * @internal
 */
export class Descriptors {
  #limit: number | undefined = undefined;
  #trusted = 0;
  /** How many a request is assumed to need, by the latest question; -1 where nobody asks. */
  #assumed = -1;
  /** Is the size of the directory the number of its entries, as since Linux 6.2? Before, it is 0. The first count finds out. */
  #sizeTells: boolean | undefined = process.platform === "linux" ? undefined : false;
  readonly #connections: () => number;

  /** @param connections how many sockets the server has, for systems that do not tell */
  constructor(connections: () => number) {
    this.#connections = connections;
  }

  /** Are there descriptors for a request that needs so many? */
  allowRequest(assumed: number): boolean {
    if (assumed < 0) return true;
    this.#limit ??= maxDescriptors();
    // A question for more than half of all is asked out of curiosity.
    this.#assumed = assumed < this.#limit / 2 ? assumed : -1;
    return this.#haveRoomFor(assumed);
  }

  /**
   * May a new connection stay? Only while it leaves enough for the requests of those that are in: if nothing were left,
   * `allowRequest` would refuse them for as long as they stay. Always where nobody minds.
   */
  allowConnection(): boolean {
    return this.#assumed < 0 || this.#haveRoomFor(this.#assumed);
  }

  #haveRoomFor(descriptors: number): boolean {
    const needed = Math.max(descriptors, 1);
    if (this.#trusted < needed) {
      this.#limit ??= maxDescriptors();
      const free = this.#limit - this.#open();
      if (free <= descriptors) return false;
      this.#trusted = free * TRUSTED;
    }
    this.#trusted -= needed;
    return true;
  }

  /** How many are open. */
  #open(): number {
    try {
      const size = this.#sizeTells === false ? 0 : fs.statSync(DIRECTORY).size;
      if (this.#sizeTells === true) return size;
      // One of them is the directory itself.
      const listed = fs.readdirSync(DIRECTORY).length - 1;
      // Another thread may open or close one in between.
      if (size === listed || size === 0) this.#sizeTells ??= size === listed;
      return listed;
    } catch (error) {
      // With none left, the directory cannot be opened either.
      const { code } = error as NodeJS.ErrnoException;
      return code === "EMFILE" || code === "ENFILE" ? Infinity : this.#connections();
    }
  }
}
