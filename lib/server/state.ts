/**
 * Where a server stands: not yet listening; listening, from the call of `listen` on; ending what has arrived; not
 * listening any more.
 */
export type ServerState = "idle" | "listening" | "draining" | "closed";

/** What may follow what. A `listen` that fails gives back the state before it. */
const NEXT: { readonly [state in ServerState]: readonly ServerState[] } = {
  idle: ["listening", "draining"],
  listening: ["draining", "idle", "closed"],
  draining: ["closed"],
  closed: ["listening", "draining"],
};

/** May a server go from one state to another? */
export function mayFollow(state: ServerState, next: ServerState): boolean {
  return NEXT[state].includes(next);
}

/** The state of one server, and its only way to change. */
export class State {
  #now: ServerState = "idle";

  get now(): ServerState {
    return this.#now;
  }

  become(next: ServerState): void {
    if (!mayFollow(this.#now, next)) throw new Error(`a server that is ${this.#now} cannot become ${next}`);
    this.#now = next;
  }
}
