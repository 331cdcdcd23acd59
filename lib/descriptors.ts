import { readFileSync, readdirSync } from "node:fs";

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

/** How many descriptors this process may open. */
function maxDescriptors(): number {
  try {
    const soft = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    if (soft === "unlimited") return Infinity;
    return soft === undefined ? nimMaxDescriptorsFallback : Number(soft);
  } catch {
    return nimMaxDescriptorsFallback;
  }
}

/** How many descriptors are open; `otherwise` where the system does not tell. */
function openDescriptors(otherwise: () => number): number {
  try {
    // One of them is the directory itself.
    return readdirSync("/dev/fd").length - 1;
  } catch (error) {
    // With none left, the directory cannot be opened either.
    const { code } = error as NodeJS.ErrnoException;
    return code === "EMFILE" || code === "ENFILE" ? Infinity : otherwise();
  }
}

/**
 * Counts the process's descriptors, though not at every question.
 *
 * A count leaves room for some more; as long as the questions asked since and the connections opened since cannot have
 * used it up, the answer is yes without looking.
 */
export class Descriptors {
  #limit: number | undefined;
  #room = 0;
  readonly #connections: () => number;

  /** @param connections how many sockets the server has, for systems that do not tell */
  constructor(connections: () => number) {
    this.#connections = connections;
  }

  /** A descriptor was opened. */
  opened(): void {
    this.#room--;
  }

  /** Is there room for so many more? The answer reserves them until the next count. */
  haveRoomFor(descriptors: number): boolean {
    if (this.#room <= descriptors) {
      this.#limit ??= maxDescriptors();
      this.#room = this.#limit - openDescriptors(this.#connections);
    }
    if (this.#room <= descriptors) return false;
    this.#room -= Math.max(descriptors, 1);
    return true;
  }
}
