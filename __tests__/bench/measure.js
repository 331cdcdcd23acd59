"use strict";
// Drives the sides of a case in turn, and makes a result of what they did.

const { join } = require("node:path");
const { performance } = require("node:perf_hooks");
const { interval } = require("./figures.js");
const { startSet } = require("./sets.js");

/**
 * @typedef {import("./cases.js").Case} Case
 * @typedef {import("./figures.js").Interval} Interval
 * @typedef {import("./figures.js").Round} Round
 * @typedef {import("./figures.js").Rounds} Rounds
 * @typedef {import("./sets.js").ProcessSet} ProcessSet
 * @typedef {import("./sets.js").Sides} Sides
 *
 * @typedef {object} Result ratios are above 1 where the library is better
 * @property {Case} one
 * @property {Record<string, Interval>} costs microseconds, or bytes, for one of what the case counts, by side
 * @property {Interval} [control] the same work against itself
 * @property {Interval} [toBare] the library against bare
 * @property {Interval} [toOther] the library against the other revision
 * @property {Interval} [speed] the library's count per second against bare's
 * @property {Interval} [memory] the library's peak memory against bare's: here less is better
 */

const ROOT = join(__dirname, "../..");
/** Fewer sets of processes than this, and the luck of one of them decides. */
const LEAST_SETS = 3;

/**
 * What is measured beside what. The control is a second process that does the work of the first one.
 * @param {Case} one
 * @param {string} [other] a checkout of another revision
 * @returns {Sides}
 */
function sidesOf(one, other) {
  /** @type {Sides} */
  const sides = one.kind === "queue" ? { library: ROOT } : { bare: "bare", library: ROOT };
  if (!one.absolute) sides.control = "bare";
  else if (other !== undefined) sides.control = ROOT;
  if (other !== undefined) sides.other = other;
  return sides;
}

/** @param {Round} sum @param {Round} more @returns {Round} */
function add(sum, more) {
  return {
    count: sum.count + more.count,
    seconds: sum.seconds + more.seconds,
    cpu: sum.cpu + more.cpu,
    memory: Math.max(sum.memory, more.memory),
  };
}

/**
 * Orders of the sides, for ever: A B C, B C A, C A B, then the same backwards. A side that follows itself finds its memory in
 * the caches: none does. And what it finds depends on which side it follows: of three, each follows both others as often.
 * @param {readonly string[]} sides
 * @returns {Generator<readonly string[], never>}
 */
function* ordersOf(sides) {
  for (let order = sides; ; order = order.toReversed())
    for (const first of order.keys()) yield [...order.slice(first), ...order.slice(0, first)];
}

/**
 * One round: turns until each side has used so much CPU time.
 * @param {ProcessSet} set
 * @param {Generator<readonly string[], never>} orders
 * @param {number} seconds of CPU time
 */
async function runRound(set, orders, seconds) {
  /** @type {Rounds} */
  const sums = {};
  do {
    for (const side of orders.next().value) {
      const turn = await set.turn(side);
      sums[side] = side in sums ? add(sums[side], turn) : turn;
    }
  } while (Object.values(sums).some((sum) => sum.cpu < seconds * 1e6));
  return sums;
}

/** @param {Case} one @param {Sides} sides */
async function runSet(one, sides) {
  const orders = ordersOf(Object.keys(sides));
  const set = await startSet[one.kind](one, sides);
  if (set.warmUp > 0) await runRound(set, orders, set.warmUp);
  const rounds = [];
  while (rounds.length < set.rounds) rounds.push(await runRound(set, orders, set.roundCpu));
  set.stop();
  return rounds;
}

/**
 * Sets of processes, one after the other, until the time is used up.
 * @param {Case} one
 * @param {Sides} sides
 * @param {number} seconds
 * @param {(set: number) => void} progress
 */
async function runSets(one, sides, seconds, progress) {
  const start = performance.now();
  const sets = [];
  /** What has passed when another set is over that takes as long as the ones before. */
  const expected = () => ((performance.now() - start) / 1000) * (1 + 1 / sets.length);
  while (sets.length < LEAST_SETS || expected() < seconds) {
    progress(sets.length + 1);
    sets.push(await runSet(one, sides));
  }
  return sets;
}

/** @param {Case} one @param {Round} round */
function costOf({ figure }, round) {
  return round[figure] / round.count;
}

/**
 * @param {Case} one
 * @param {Sides} sides
 * @param {readonly Rounds[][]} sets
 * @returns {Result}
 */
function resultOf(one, sides, sets) {
  const cost = (/** @type {Round} */ round) => costOf(one, round);
  const speed = (/** @type {Round} */ round) => round.count / round.seconds;
  /** @type {Result} */
  const result = {
    one,
    costs: Object.fromEntries(Object.keys(sides).map((side) => [side, interval(sets, (round) => cost(round[side]))])),
  };
  const controlled = one.absolute ? "library" : "bare";
  if (sides.control) result.control = interval(sets, (round) => cost(round[controlled]) / cost(round.control));
  if (sides.other) result.toOther = interval(sets, ({ library, other }) => cost(other) / cost(library));
  if (one.absolute) return result;
  // Bare is two processes here, whose mean is steadier than either.
  result.toBare = interval(sets, (round) => (cost(round.bare) + cost(round.control)) / 2 / cost(round.library));
  if (one.figure === "memory") return result;
  result.speed = interval(sets, ({ bare, library }) => speed(library) / speed(bare));
  result.memory = interval(sets, ({ bare, library }) => library.memory / bare.memory);
  return result;
}

/**
 * @param {Case} one
 * @param {string | undefined} other a checkout of another revision, built
 * @param {number} seconds about how long it may take
 * @param {(set: number) => void} progress is told which set of processes begins
 */
async function measure(one, other, seconds, progress) {
  const sides = sidesOf(one, other);
  return resultOf(one, sides, await runSets(one, sides, seconds, progress));
}

module.exports = { measure, ordersOf };
