import { Fifo, type Place } from "../lib/fifo";

function filled(...values: string[]): { fifo: Fifo<string>; places: Record<string, Place<string>> } {
  const fifo = new Fifo<string>();
  const places = Object.fromEntries(values.map((value) => [value, fifo.push(value)]));
  return { fifo, places };
}

function rest(fifo: Fifo<string>): string {
  const walked = [...fifo.places()].map((place) => place.value).join("");
  let shifted = "";
  for (let value = fifo.shift(); value !== undefined; value = fifo.shift()) shifted += value;
  expect(shifted).toBe(walked);
  expect(fifo.length).toBe(0);
  return shifted;
}

test("an empty one gives nothing", () => {
  const fifo = new Fifo<string>();
  expect([fifo.length, fifo.shift(), [...fifo.places()]]).toEqual([0, undefined, []]);
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
  const { fifo, places } = filled("a", "b", "c", "d");
  for (const value of removed) fifo.remove(places[value]!);
  expect(fifo.length).toBe(left.length);
  expect(rest(fifo)).toBe(left);
});

test.each<[removed: string, left: string]>([
  ["a", "bcdx"],
  ["d", "abcx"],
  ["abcd", "x"],
])("without %s, one that comes later is the last", (removed, left) => {
  const { fifo, places } = filled("a", "b", "c", "d");
  for (const value of removed) fifo.remove(places[value]!);
  fifo.push("x");
  expect(rest(fifo)).toBe(left);
});

test("a place that was shifted out can be removed, which does nothing", () => {
  const { fifo, places } = filled("a", "b");
  expect(fifo.shift()).toBe("a");
  fifo.remove(places["a"]!);
  fifo.push("c");
  fifo.remove(places["a"]!);
  expect(rest(fifo)).toBe("bc");
});

test("the walk goes on when the place at hand is removed after it", () => {
  const { fifo, places } = filled("a", "b", "c");
  for (const place of fifo.places()) {
    if (place.value === "b") {
      fifo.remove(place);
      break;
    }
  }
  fifo.remove(places["b"]!);
  expect(rest(fifo)).toBe("ac");
});

test("100,000 entries that leave from either end and the middle", () => {
  const fifo = new Fifo<number>();
  const places = Array.from({ length: 100_000 }, (_, i) => fifo.push(i));
  for (let i = 1; i < places.length; i += 2) fifo.remove(places[i]!);
  expect(fifo.length).toBe(50_000);
  const shifted = Array.from({ length: 50_000 }, () => fifo.shift());
  expect(shifted).toEqual(Array.from({ length: 50_000 }, (_, i) => 2 * i));
  expect(fifo.shift()).toBeUndefined();
});
