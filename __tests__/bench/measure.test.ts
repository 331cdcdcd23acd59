import { ordersOf } from "./measure.js";

test.each([
  ["three", ["a", "b", "c"]],
  ["four", ["a", "b", "c", "d"]],
])("of %s sides, none follows itself, and each is in each place as often", (_number, sides) => {
  const orders = ordersOf(sides);
  const passes = Array.from({ length: 3 * sides.length }, () => orders.next().value);
  const turns = passes.flat();
  expect(turns.filter((side, i) => side === turns[i - 1])).toEqual([]);
  for (const place of sides.keys()) {
    const there = passes.map((order) => order[place]);
    for (const side of sides) expect(there.filter((one) => one === side)).toHaveLength(3);
  }
});
