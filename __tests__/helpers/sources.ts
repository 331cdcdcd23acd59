import {
  closeSync,
  createReadStream,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { Content, Request } from "../../lib/index";
import { delayed, throttled, truncated } from "../../lib/testing/faults";
import { deferred } from "./servers";

/** A file for sources to open; its descriptors are those that a source can leak. */
const folder = mkdtempSync(join(realpathSync(tmpdir()), "sources-"));
const file = join(folder, "content");
writeFileSync(file, "piece by piece");
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

/** How many descriptors of the file this process has; 0 where the system does not say. */
export function openDescriptors(): number {
  const table = "/proc/self/fd";
  return existsSync(table) ? readdirSync(table).filter((fd) => targetOf(join(table, fd)) === file).length : 0;
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    // The descriptor with which the folder was read.
    return "";
  }
}

/** A source with its account. */
export interface Given {
  readonly content: Content;
  /** Settles when the source has ended or was let go of. */
  readonly letGo: Promise<void>;
  /** How often that happened. */
  times(): number;
}

/** A piece for ever, or three of them. */
type Length = "endless" | "short";

type Make = (length: Length, note: () => void) => Content;

export const failure = new Error("the source failed");

function* textOf(length: Length): Generator<string> {
  for (let i = 0; length === "endless" || i < 3; i++) yield length === "endless" ? "x".repeat(10_000) : "piece";
}

/** A generator that has a descriptor from the start, and lets go of it in its `finally`. */
async function* withResource(length: Length, fd: number, note: () => void, fails?: string): AsyncGenerator<string> {
  try {
    if (fails === "at once") throw failure;
    yield* textOf(length);
    if (fails === "later") throw failure;
  } finally {
    closeSync(fd);
    note();
  }
}

function noted(stream: Readable, note: () => void): Readable {
  return stream.on("close", note);
}

const makers = {
  "a file": (_length: Length, note: () => void) => noted(createReadStream(file), note),
  "a file that is not there": (_length: Length, note: () => void) =>
    noted(createReadStream(join(folder, "missing")), note),
  "a stream": (length: Length, note: () => void) => {
    const pieces = textOf(length);
    return noted(
      new Readable({
        read() {
          this.push(pieces.next().value ?? null);
        },
      }),
      note,
    );
  },
  "a stream that fails at its first read": (_length: Length, note: () => void) =>
    noted(
      new Readable({
        read() {
          this.destroy(failure);
        },
      }),
      note,
    ),
  "a stream that fails unasked": (_length: Length, note: () => void) => {
    const stream = noted(new Readable({ read() {} }), note);
    setImmediate(() => stream.destroy(failure));
    return stream;
  },
  "a generator": (length: Length, note: () => void) => withResource(length, openSync(file, "r"), note),
  "a generator that fails at once": (length: Length, note: () => void) =>
    withResource(length, openSync(file, "r"), note, "at once"),
  "a generator that fails later": (length: Length, note: () => void) =>
    withResource(length, openSync(file, "r"), note, "later"),
  "an iterator": (length: Length, note: () => void) => {
    const fd = openSync(file, "r");
    const pieces = textOf(length);
    const end = (): { done: true; value: undefined } => {
      closeSync(fd);
      note();
      return { done: true, value: undefined };
    };
    const next = async (): Promise<IteratorResult<string, undefined>> => {
      const step = pieces.next() as IteratorResult<string, undefined>;
      return step.done === true ? end() : step;
    };
    return { [Symbol.asyncIterator]: () => ({ next, return: async () => end() }) };
  },
  "a web stream": (length: Length, note: () => void) => {
    const fd = openSync(file, "r");
    const pieces = textOf(length);
    const end = (): void => {
      closeSync(fd);
      note();
    };
    return new ReadableStream({
      pull(controller) {
        const { value, done } = pieces.next();
        if (done !== true) return controller.enqueue(value);
        controller.close();
        end();
      },
      cancel: end,
    });
  },
} satisfies Record<string, Make>;

export const sourceKinds: readonly string[] = Object.keys(makers);

/** Makes a source of a kind. */
export function makeSource(kind: string, length: Length): Given {
  const { promise, resolve } = deferred();
  let count = 0;
  const note = (): void => {
    count++;
    resolve();
  };
  return {
    content: (makers as Readonly<Record<string, Make>>)[kind]!(length, note),
    letGo: promise,
    times: () => count,
  };
}

/** What the testing entry can put around a source. */
export const wrappers: Readonly<Record<string, (content: Content, request: Request) => Content>> = {
  "on its own": (content) => content,
  delayed: (content) => delayed(content, 1),
  throttled: (content) => throttled(content, 1e9),
  truncated: (content, request) => truncated(request, content, 1e9),
};
