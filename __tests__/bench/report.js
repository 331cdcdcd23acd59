"use strict";
// Figures to text: medians, the Markdown table, the chart.

const os = require("node:os");

/**
 * @typedef {object} Spread the middle half of some values
 * @property {number} low
 * @property {number} median
 * @property {number} high
 */

/**
 * One line of the table: what the library does, measured by what bare does in the same round.
 * @typedef {object} Row
 * @property {string} name
 * @property {string} title
 * @property {Spread} [speed] the library's speed, bare's being 1
 * @property {Spread} [cpu] bare's CPU time per request, the library's being 1: work per CPU time
 * @property {Spread} [memory] the library's peak memory, bare's being 1
 * @property {string} bare
 * @property {string} library
 * @property {string} bar
 */

/** @param {readonly number[]} values @param {number} fraction */
function quantile(values, fraction) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(at)];
  return below + (sorted[Math.ceil(at)] - below) * (at % 1);
}

/** @param {readonly number[]} values @returns {Spread} */
function spread(values) {
  return { low: quantile(values, 0.25), median: quantile(values, 0.5), high: quantile(values, 0.75) };
}

/** @param {Spread | undefined} ratio */
function ratioText(ratio) {
  if (ratio === undefined) return "–";
  const [low, median, high] = [ratio.low, ratio.median, ratio.high].map((value) => value.toFixed(2));
  return `**${median}** (${low}–${high})`;
}

/** The machine, without anything that tells whose it is. */
function machine() {
  const cpus = os.cpus();
  const memory = Math.round(os.totalmem() / 2 ** 30);
  return `${cpus[0].model.trim()}, ${cpus.length} cores, ${memory} GiB, ${os.type()} ${os.release().replace(/-.*/, "")} ${os.arch()}`;
}

/**
 * @param {readonly Row[]} rows
 * @param {string} node Node's version
 * @param {string} how rounds and seconds, in words
 */
function table(rows, node, how) {
  return [
    `### Node ${node}`,
    "",
    `${machine()}; ${how}.`,
    "",
    "| case | | speed | work per CPU time | peak memory | bare | library | to reach |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows.map(({ name, title, speed, cpu, memory, bare, library, bar }) => {
      const ratios = [speed, cpu, memory].map(ratioText).join(" | ");
      return `| \`${name}\` | ${title} | ${ratios} | ${bare} | ${library} | ${bar} |`;
    }),
    "",
  ].join("\n");
}

/**
 * Puts a table into the page, in place of the one of the same major version.
 * @param {string} page
 * @param {string} major
 * @param {string} text
 */
function insert(page, major, text) {
  const [start, end] = [`<!-- node ${major} -->`, `<!-- /node ${major} -->`];
  const section = `${start}\n${text}${end}`;
  const from = page.indexOf(start);
  if (from !== -1) return page.slice(0, from) + section + page.slice(page.indexOf(end) + end.length);
  return page.replace("<!-- tables end -->", `${section}\n\n<!-- tables end -->`);
}

/**
 * Reads the two ratios of every case out of a page of tables.
 * @param {string} page
 * @returns {{ node: string, bars: { name: string, speed: number, cpu: number }[] }[]}
 */
function readTables(page) {
  return page
    .split("### Node ")
    .slice(1)
    .map((section) => ({
      node: section.slice(0, section.indexOf("\n")),
      bars: [...section.matchAll(/^\| `([^`]+)` \| [^|]* \| \*\*([\d.]+)\*\*[^|]* \| \*\*([\d.]+)\*\*/gm)].map(
        ([, name, speed, cpu]) => ({ name, speed: Number(speed), cpu: Number(cpu) }),
      ),
    }));
}

const WIDTH = 760;
const LEFT = 150;
const UNIT = 300;
/** Where a longer bar ends, so that its figures have room. */
const LONGEST = 1.65;
const LINE = 24;
const COLORS = { speed: "#4477aa", cpu: "#ee7733" };

/**
 * Draws the ratios of all tables of a page; the upright line is bare.
 * @param {string} page
 */
function chart(page) {
  /** @type {string[]} */
  const parts = [];
  let y = 58;
  for (const { node, bars } of readTables(page)) {
    parts.push(text(8, y + 4, `Node ${node}`, "bold"));
    y += LINE;
    for (const { name, speed, cpu } of bars) {
      parts.push(
        text(LEFT - 8, y + 5, name, "normal", "end"),
        bar(y - 8, speed, COLORS.speed),
        bar(y + 1, cpu, COLORS.cpu),
      );
      parts.push(text(LEFT + lengthOf(Math.max(speed, cpu, 1)) + 8, y + 5, `${speed.toFixed(2)} / ${cpu.toFixed(2)}`));
      y += LINE;
    }
    y += LINE / 2;
  }
  const one = LEFT + UNIT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" font-family="sans-serif" font-size="13">`,
    `<title>asynchttpserver against bare node:http</title>`,
    `<rect width="${WIDTH}" height="${y}" fill="#ffffff"/>`,
    text(8, 22, "asynchttpserver against bare node:http, in one interleaved run; longer is better", "bold"),
    `<rect x="8" y="32" width="12" height="8" fill="${COLORS.speed}"/>${text(26, 41, "speed")}`,
    `<rect x="88" y="32" width="12" height="8" fill="${COLORS.cpu}"/>${text(106, 41, "work per CPU time")}`,
    ...parts,
    `<line x1="${one}" x2="${one}" y1="48" y2="${y - 8}" stroke="#222222" stroke-width="1.5" stroke-dasharray="4 3"/>`,
    text(one, 44, "bare = 1.0", "normal", "middle"),
    "</svg>",
    "",
  ].join("\n");
}

/** @param {number} x @param {number} y @param {string} content */
function text(x, y, content, weight = "normal", anchor = "start") {
  return `<text x="${x}" y="${y}" font-weight="${weight}" text-anchor="${anchor}" fill="#222222">${content}</text>`;
}

/** @param {number} y @param {number} ratio @param {string} color */
function bar(y, ratio, color) {
  return `<rect x="${LEFT}" y="${y}" width="${lengthOf(ratio)}" height="8" fill="${color}"/>`;
}

/** @param {number} ratio */
function lengthOf(ratio) {
  return Math.round(Math.min(ratio, LONGEST) * UNIT);
}

module.exports = { spread, table, insert, chart };
