"use strict";
// Results to text: a sentence for each case, the Markdown table, the page.

const os = require("node:os");
const { band, isNoisy, verdict } = require("./figures.js");

/**
 * @typedef {import("./cases.js").Case} Case
 * @typedef {import("./figures.js").Interval} Interval
 * @typedef {import("./figures.js").Verdict} Verdict
 * @typedef {import("./measure.js").Result} Result
 *
 * @typedef {{ name: string, title: string, median: number, low: number, high: number }} Ratio
 */

/** What a verdict is called, by what decides. */
const VERDICTS = {
  cpu: { better: "faster", worse: "slower", none: "no difference that this run could show" },
  memory: { better: "lighter", worse: "heavier", none: "no difference that this run could show" },
};

/** @param {number} value microseconds or bytes @param {Case["figure"]} figure */
function amount(value, figure) {
  if (figure === "memory") return `${digits(value / 1024)} KiB`;
  return value < 1000 ? `${digits(value)} µs` : `${digits(value / 1000)} ms`;
}

/** @param {number} value */
function digits(value) {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

/** @param {Case["figure"]} figure */
function nameOf(figure) {
  return figure === "cpu" ? "CPU time" : "memory";
}

/** @param {{ low: number, high: number }} interval */
function range({ low, high }) {
  return `${low.toFixed(2)}–${high.toFixed(2)}`;
}

/**
 * What the library needs more or less than what a ratio compares it with.
 * @param {Result} result
 * @param {Interval} ratio
 */
function difference({ one, costs }, ratio) {
  const more = costs.library.median * (1 - ratio.median);
  return `${amount(Math.abs(more), one.figure)} ${more < 0 ? "less" : "more"} ${nameOf(one.figure)} ${one.unit}`;
}

/** @param {Result} result @param {Interval} ratio @param {string} to */
function comparison(result, ratio, to) {
  const words = VERDICTS[result.one.figure][verdict(ratio, /** @type {Interval} */ (result.control))];
  return `${ratio.median.toFixed(2)} of ${to} (${range(ratio)}), ${difference(result, ratio)}: ${words}.`;
}

/** @param {Result} result */
function itself({ one, costs }) {
  const library = costs.library;
  const [low, high] = [library.low, library.high].map((value) => amount(value, one.figure));
  const bare = costs.bare === undefined ? "" : `; bare node:http ${amount(costs.bare.median, one.figure)}`;
  return `${amount(library.median, one.figure)} of ${nameOf(one.figure)} ${one.unit} (${low} to ${high})${bare}.`;
}

/** How far the machine is to be trusted. @param {Case} one @param {Interval} control */
function trust(one, control) {
  const noise = `${one.absolute ? "the library" : "bare"} against itself: ${range(band(control))}`;
  if (!isNoisy(control)) return `${noise}.`;
  return `${noise}. The machine is too noisy for small differences: try when it is quiet, or with --seconds=60.`;
}

/**
 * What a person wants to know of a case.
 * @param {Result} result
 * @param {string} [against] the other revision, as it was asked for
 */
function sentence(result, against) {
  const { one, control, toBare, toOther } = result;
  const parts = [`${one.name}: ${toBare ? comparison(result, toBare, "bare node:http") : itself(result)}`];
  if (toOther) parts.push(`against ${against}: ${comparison(result, toOther, "it")}`);
  if (control) parts.push(trust(one, control));
  return parts.join("\n  ");
}

/** The machine, without anything that tells whose it is. */
function machine() {
  const cpus = os.cpus();
  const memory = Math.round(os.totalmem() / 2 ** 30);
  return `${cpus[0].model.trim()}, ${cpus.length} cores, ${memory} GiB, ${os.type()} ${os.release().replace(/-.*/, "")} ${os.arch()}`;
}

/** @param {Result} result @param {Interval | undefined} ratio */
function ratioCell({ one, control }, ratio) {
  if (ratio === undefined) return "–";
  const found = verdict(ratio, /** @type {Interval} */ (control));
  return `**${ratio.median.toFixed(2)}** (${range(ratio)}) ${found === "none" ? "no difference" : VERDICTS[one.figure][found]}`;
}

/** @param {Result} result @param {string} side */
function costCell({ one, costs }, side) {
  return costs[side] === undefined ? "–" : amount(costs[side].median, one.figure);
}

/** @param {Interval | undefined} ratio */
function medianCell(ratio) {
  return ratio === undefined ? "–" : ratio.median.toFixed(2);
}

/** @param {Result} result @param {string} [against] */
function cells(result, against) {
  return [
    `\`${result.one.name}\``,
    result.one.title,
    ratioCell(result, result.toBare),
    ...(against === undefined ? [] : [ratioCell(result, result.toOther), costCell(result, "other")]),
    costCell(result, "library"),
    costCell(result, "bare"),
    medianCell(result.speed),
    medianCell(result.memory),
  ];
}

/** How far bare was from itself in any case. @param {readonly Result[]} results */
function widest(results) {
  const bands = results.flatMap(({ control }) => (control ? [band(control)] : []));
  return range({ low: Math.min(...bands.map(({ low }) => low)), high: Math.max(...bands.map(({ high }) => high)) });
}

/**
 * @param {readonly Result[]} results
 * @param {string} node Node's version
 * @param {string} [against] the other revision
 */
function table(results, node, against) {
  const other = against === undefined ? [] : [`to ${against}`, `CPU time, ${against}`];
  const columns = ["CPU time", "CPU time, bare", "requests/s, to bare", "peak memory, to bare"];
  const head = ["case", "", "to bare", ...other, ...columns];
  return [
    `### Node ${node}`,
    "",
    `${machine()}; ${new Date().toISOString().slice(0, 10)}. The same work against itself: ${widest(results)}.`,
    "",
    `| ${head.join(" | ")} |`,
    `|${" --- |".repeat(head.length)}`,
    ...results.map((result) => `| ${cells(result, against).join(" | ")} |`),
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
  if (page.includes(start)) return replaceBetween(page, start, end, section);
  return page.replace("<!-- tables end -->", `${section}\n\n<!-- tables end -->`);
}

/**
 * @param {string} page
 * @param {string} start
 * @param {string} end
 * @param {string} text takes the place of both marks and what is between them
 */
function replaceBetween(page, start, end, text) {
  return page.slice(0, page.indexOf(start)) + text + page.slice(page.indexOf(end) + end.length);
}

/**
 * Reads the ratio to bare of every case out of a page of tables; the oldest Node first.
 * @param {string} page
 * @returns {{ node: string, ratios: Ratio[] }[]}
 */
function readTables(page) {
  const row = /^\| `([^`]+)` \| ([^|]*) \| \*\*([\d.]+)\*\* \(([\d.]+)–([\d.]+)\)/gm;
  return page
    .split("### Node ")
    .slice(1)
    .map((section) => ({
      node: section.slice(0, section.indexOf("\n")),
      ratios: [...section.matchAll(row)].map(([, name, title, ...values]) => {
        const [median, low, high] = values.map(Number);
        return { name, title, median, low, high };
      }),
    }))
    .sort((a, b) => parseInt(a.node) - parseInt(b.node));
}

/**
 * The ratios of all Nodes in one table.
 * @param {readonly { node: string, ratios: readonly Ratio[] }[]} sections
 */
function overview(sections) {
  const titles = new Map(sections.flatMap(({ ratios }) => ratios.map(({ name, title }) => [name, title])));
  const rows = [...titles].map(([name, title]) => {
    const found = sections.map(({ ratios }) => ratios.find((each) => each.name === name));
    return [title, ...found.map((ratio) => (ratio ? `${ratio.median.toFixed(2)} (${range(ratio)})` : "–"))];
  });
  const table = [["", ...sections.map(({ node }) => `Node ${node}`)], Array(sections.length + 1).fill("---"), ...rows];
  return table.map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

/**
 * Puts the overview into the page.
 * @param {string} page
 * @param {string} text
 */
function insertOverview(page, text) {
  const [start, end] = ["<!-- overview -->", "<!-- /overview -->"];
  return replaceBetween(page, start, end, `${start}\n\n${text}\n${end}`);
}

module.exports = { sentence, table, insert, readTables, overview, insertOverview };
