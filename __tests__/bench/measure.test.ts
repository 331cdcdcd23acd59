import { ordersOf } from "./measure.js";

test.each([
  ["three", ["a", "b", "c"]],
  ["four", ["a", "b", "c", "d"]],
])("of %s sides, none follows itself, and each is in each place as often", (_number, sides) => {
  const orders = ordersOf(sides);
  const passes = Array.from({ length: 4 * sides.length }, () => orders.next().value);
  const turns = passes.flat();
  expect(turns.filter((side, i) => side === turns[i - 1])).toEqual([]);
  for (const place of sides.keys()) {
    const there = passes.map((order) => order[place]);
    for (const side of sides) expect(there.filter((one) => one === side)).toHaveLength(4);
  }
});

test("of three sides, each follows both others as often", () => {
  const orders = ordersOf(["a", "b", "c"]);
  const turns = Array.from({ length: 6 }, () => orders.next().value).flat();
  // After the last turn comes the first one again.
  const pairs = turns.map((side, i) => `${turns.at(i - 1)}${side}`);
  for (const pair of ["ab", "ac", "ba", "bc", "ca", "cb"]) expect(pairs.filter((one) => one === pair)).toHaveLength(3);
});
