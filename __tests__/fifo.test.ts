import { Fifo, type Linked } from "../lib/fifo";

class Entry<T> implements Linked<Entry<T>> {
  queued = false;
  previous: Entry<T> | undefined = undefined;
  next: Entry<T> | undefined = undefined;

  constructor(readonly value: T) {}
}

function filled(...values: string[]): { fifo: Fifo<Entry<string>>; entries: Record<string, Entry<string>> } {
  const fifo = new Fifo<Entry<string>>();
  const entries = Object.fromEntries(values.map((value) => [value, new Entry(value)]));
  for (const value of values) fifo.push(entries[value]!);
  return { fifo, entries };
}

function rest(fifo: Fifo<Entry<string>>): string {
  const walked = [...fifo].map(({ value }) => value).join("");
  let shifted = "";
  for (let entry = fifo.shift(); entry !== undefined; entry = fifo.shift()) shifted += entry.value;
  expect(shifted).toBe(walked);
  expect(fifo.length).toBe(0);
  return shifted;
}

test("an empty one gives nothing", () => {
  const fifo = new Fifo<Entry<string>>();
  expect([fifo.length, fifo.shift(), [...fifo]]).toEqual([0, undefined, []]);
});

test("first in, first out", () => {
  const { fifo } = filled("a", "b", "c");
  expect(fifo.length).toBe(3);
  expect(rest(fifo)).toBe("abc");
});

test.each<[removed: string, left: string]>([
  ["a", "bcd"],
  ["b", "acd"],
  ["d", "abc"],
  ["ab", "cd"],
  ["bc", "ad"],
  ["cd", "ab"],
  ["da", "bc"],
  ["dcb", "a"],
  ["abcd", ""],
  ["bb", "acd"],
])("without %s there is %s", (removed, left) => {
  const { fifo, entries } = filled("a", "b", "c", "d");
  for (const value of removed) fifo.remove(entries[value]!);
  expect(fifo.length).toBe(left.length);
  expect(rest(fifo)).toBe(left);
});

test.each<[removed: string, left: string]>([
  ["a", "bcdx"],
  ["d", "abcx"],
  ["abcd", "x"],
])("without %s, one that comes later is the last", (removed, left) => {
  const { fifo, entries } = filled("a", "b", "c", "d");
  for (const value of removed) fifo.remove(entries[value]!);
  fifo.push(new Entry("x"));
  expect(rest(fifo)).toBe(left);
});

test("an entry says whether it stands in the line", () => {
  const { fifo, entries } = filled("a", "b", "c");
  fifo.shift();
  fifo.remove(entries["b"]!);
  expect(["a", "b", "c"].map((value) => entries[value]!.queued)).toEqual([false, false, true]);
});

test("one that has left holds on to no other", () => {
  const { fifo, entries } = filled("a", "b", "c");
  fifo.remove(entries["b"]!);
  fifo.shift();
  expect(Object.values(entries).flatMap(({ previous, next }) => [previous, next])).toEqual(Array(6).fill(undefined));
});

test("one that was shifted out can be removed, which does nothing, and come again", () => {
  const { fifo, entries } = filled("a", "b");
  expect(fifo.shift()).toBe(entries["a"]);
  fifo.remove(entries["a"]!);
  fifo.push(new Entry("c"));
  fifo.remove(entries["a"]!);
  fifo.push(entries["a"]!);
  expect(rest(fifo)).toBe("bca");
});

test("100,000 entries that leave from either end and the middle", () => {
  const fifo = new Fifo<Entry<number>>();
  const entries = Array.from({ length: 100_000 }, (_, i) => new Entry(i));
  for (const entry of entries) fifo.push(entry);
  for (let i = 1; i < entries.length; i += 2) fifo.remove(entries[i]!);
  expect(fifo.length).toBe(50_000);
  const shifted = Array.from({ length: 50_000 }, () => fifo.shift()?.value);
  expect(shifted).toEqual(Array.from({ length: 50_000 }, (_, i) => 2 * i));
  expect(fifo.shift()).toBeUndefined();
});
