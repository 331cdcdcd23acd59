import type { Connection } from "../wire/connection";
import type { Exchange } from "../wire/exchange";

/** How many finished requests an error names. */
const REMEMBERED = 10;
/** How many unfinished ones. */
const NAMED = 20;

/** The latest requests that are over: enough to tell somebody who waits in vain what came instead. */
export class History {
  count = 0;
  readonly #methods: string[] = [];
  readonly #targets: string[] = [];
  readonly #statuses: number[] = [];

  /** Keeps the line and status of an exchange, not the exchange with its body. */
  add(exchange: Exchange): void {
    const at = this.count++ % REMEMBERED;
    this.#methods[at] = exchange.raw.method!;
    this.#targets[at] = exchange.raw.url!;
    this.#statuses[at] = exchange.status;
  }

  /** Oldest first, such as `GET /login (200)`. */
  entries(): string[] {
    const first = Math.max(0, this.count - REMEMBERED);
    return Array.from({ length: this.count - first }, (_, i) => {
      const at = (first + i) % REMEMBERED;
      const status = this.#statuses[at];
      return `${this.#methods[at]} ${this.#targets[at]} (${status === 0 ? "client left" : status})`;
    });
  }
}

/** Says in a few lines what a server has seen, for an error that a person reads. */
export function describeSituation(url: string, connections: Iterable<Connection>, past: History): string {
  const open: Exchange[] = [];
  let count = 0;
  let silent = 0;
  for (const { exchanges } of connections) {
    count++;
    if (exchanges.length === 0) silent++;
    open.push(...exchanges);
  }
  const unread: string[] = [];
  const queued: string[] = [];
  const unanswered: string[] = [];
  for (const exchange of open) {
    const line = `${exchange.raw.method} ${exchange.raw.url}`;
    if (exchange.refusal !== undefined) unanswered.push(`${line} (refused with ${exchange.refusal.status})`);
    else if (!exchange.complete) unread.push(`${line} (${bodyProgress(exchange)})`);
    else if (exchange.status !== 0) unanswered.push(`${line} (${exchange.status}, still being sent)`);
    else if (exchange.accepted) unanswered.push(line);
    else queued.push(line);
  }
  return [
    `  server: ${url}, ${count} open ${count === 1 ? "connection" : "connections"}${silentPart(silent)}`,
    row("body still missing", unread),
    row("behind another on its connection", queued),
    row("accepted, not answered", unanswered),
    row("over", past.entries(), past.count, "earlier"),
  ].join("\n");
}

function silentPart(silent: number): string {
  return silent === 0 ? "" : `, ${silent} of them without a whole head of a request`;
}

function bodyProgress(exchange: Exchange): string {
  const { arrived, announced } = exchange.progress;
  return announced === -1 ? `${arrived} bytes so far, chunked` : `${arrived} of ${announced} bytes`;
}

function row(title: string, entries: readonly string[], count = entries.length, others = "more"): string {
  if (count === 0) return `  ${title}: none`;
  const named = entries.slice(0, NAMED);
  const more = count > named.length ? ` and ${count - named.length} ${others}` : "";
  return `  ${title}: ${named.join(", ")}${more}`;
}
