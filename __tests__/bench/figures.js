"use strict";
// From rounds to figures: how one side compares with another, how sure that is, and what may be said.

/**
 * What a side did in a round, or in a part of one.
 * @typedef {object} Round
 * @property {number} count requests, or whatever else the case counts
 * @property {number} seconds that passed
 * @property {number} cpu microseconds that the process used
 * @property {number} memory bytes, the peak of the process
 *
 * @typedef {Record<string, Round>} Rounds one round of all sides, by the name of the side
 *
 * @typedef {object} Interval
 * @property {number} low
 * @property {number} median
 * @property {number} high
 *
 * @typedef {"better" | "worse" | "none"} Verdict
 */

/** How often the rounds are drawn again, and what part of the draws an interval holds. */
const DRAWS = 2000;
const CONFIDENCE = 0.95;
/** Bare against bare beyond this from 1, and small differences are out of reach. */
const NOISY = 0.05;

/** @param {readonly number[]} values @param {number} fraction */
function quantile(values, fraction) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(at)];
  return below + (sorted[Math.ceil(at)] - below) * (at % 1);
}

/** @param {readonly number[]} values */
function median(values) {
  return quantile(values, 0.5);
}

/** Numbers from 0 to 1, the same in every run, so that the same rounds always give the same interval. */
function randomNumbers() {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/**
 * The median of a value over all rounds, and a bootstrap interval of it. What a process is like from its start is drawn
 * as well, not only its rounds: each process has its own luck with memory and compiler.
 * @param {readonly (readonly Rounds[])[]} sets the rounds of each set of processes
 * @param {(rounds: Rounds) => number} value
 * @returns {Interval}
 */
function interval(sets, value) {
  const values = sets.map((rounds) => rounds.map(value));
  const random = randomNumbers();
  const draw = (/** @type {readonly any[]} */ from) => from.map(() => from[Math.floor(random() * from.length)]);
  const medians = Array.from({ length: DRAWS }, () => median(draw(values).flatMap(draw)));
  return {
    low: quantile(medians, (1 - CONFIDENCE) / 2),
    median: median(values.flat()),
    high: quantile(medians, (1 + CONFIDENCE) / 2),
  };
}

/**
 * What the same work does against itself: 1, and as far from it as this machine went.
 * @param {Interval} control
 */
function band({ low, high }) {
  return { low: Math.min(low, 1), high: Math.max(high, 1) };
}

/**
 * A ratio is a difference only where its interval lies apart from that of the same work against itself.
 * @param {Interval} ratio above 1 is better
 * @param {Interval} control
 * @returns {Verdict}
 */
function verdict(ratio, control) {
  const { low, high } = band(control);
  if (ratio.low > high) return "better";
  if (ratio.high < low) return "worse";
  return "none";
}

/** @param {Interval} control */
function isNoisy(control) {
  const { low, high } = band(control);
  return low < 1 - NOISY || high > 1 + NOISY;
}

module.exports = { interval, verdict, isNoisy, band };
