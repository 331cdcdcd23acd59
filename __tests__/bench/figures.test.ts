import { interval, isNoisy, verdict } from "./figures.js";

const quiet = { low: 0.99, median: 1, high: 1.02 };

/** A round in which a request took so many microseconds. */
function round(cpu: number) {
  return { library: { count: 1, seconds: 1, cpu, memory: 0 } };
}

function costs(...sets: number[][]) {
  return interval(
    sets.map((set) => set.map(round)),
    ({ library }) => library!.cpu,
  );
}

test("rounds that agree have a narrow interval", () => {
  expect(costs([5, 5], [5, 5], [5, 5])).toEqual({ low: 5, median: 5, high: 5 });
});

test("one process that is slow from its start widens the interval, although its rounds agree", () => {
  const { low, median, high } = costs([5, 5, 5], [5, 5, 5], [9, 9, 9]);
  expect({ low, median, high }).toEqual({ low: 5, median: 5, high: 9 });
});

test("one slow round of many does not move the figure", () => {
  expect(costs([5, 5, 5, 50], [5, 5, 5, 5], [5, 5, 5, 5])).toEqual({ low: 5, median: 5, high: 5 });
});

test("the same rounds give the same interval", () => {
  expect(costs([4, 5], [6, 7], [5, 9])).toEqual(costs([4, 5], [6, 7], [5, 9]));
});

test.each([
  ["apart from bare against itself, above", { low: 1.03, median: 1.05, high: 1.07 }, quiet, "better"],
  ["apart from bare against itself, below", { low: 0.9, median: 0.93, high: 0.98 }, quiet, "worse"],
  ["overlapping bare against itself", { low: 1.01, median: 1.05, high: 1.07 }, quiet, "none"],
  ["beyond 1, but not beyond the noise", { low: 1.02, median: 1.05, high: 1.09 }, { ...quiet, high: 1.08 }, "none"],
  ["not beyond 1, which bare itself missed", { low: 0.99, median: 1.0, high: 1.01 }, { ...quiet, low: 1.02 }, "none"],
])("%s", (_, ratio, control, expected) => {
  expect(verdict(ratio, control)).toBe(expected);
});

test.each([
  [{ low: 0.951, median: 1, high: 1.049 }, false],
  [{ low: 0.949, median: 1, high: 1 }, true],
  [{ low: 1, median: 1, high: 1.051 }, true],
])("bare against itself at %j: noisy is %j", (control, expected) => {
  expect(isNoisy(control)).toBe(expected);
});
