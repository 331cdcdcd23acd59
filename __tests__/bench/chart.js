"use strict";
// The ratios of the page as a picture that is readable on light and on dark.

/** @typedef {{ name: string, median: number, low: number, high: number }} Bar */

const WIDTH = 760;
const LEFT = 150;
const LINE = 22;
const TOP = 66;
/** What the left and the right end of the scale stand for. */
const SCALE = { low: 0.5, high: 1.5 };
const RIGHT = WIDTH - 60;

const STYLE = `
text{font:13px system-ui,sans-serif;fill:#1f2328}
.b{font-weight:600}.e{text-anchor:end}.m{text-anchor:middle}
.back{fill:#ffffff}.bar{fill:#54aeff}.spread{stroke:#1f2328;stroke-width:1.5}.one{stroke:#59636e;stroke-dasharray:4 3}
@media (prefers-color-scheme:dark){
text{fill:#f0f6fc}.back{fill:#0d1117}.bar{fill:#1f6feb}.spread{stroke:#f0f6fc}.one{stroke:#9198a1}
}
`;

/**
 * Reads the ratio to bare of every case out of a page of tables.
 * @param {string} page
 * @returns {{ node: string, bars: Bar[] }[]}
 */
function readTables(page) {
  const row = /^\| `([^`]+)` \| [^|]* \| \*\*([\d.]+)\*\* \(([\d.]+)–([\d.]+)\)/gm;
  return page
    .split("### Node ")
    .slice(1)
    .map((section) => ({
      node: section.slice(0, section.indexOf("\n")),
      bars: [...section.matchAll(row)].map(([, name, ...values]) => {
        const [median, low, high] = values.map(Number);
        return { name, median, low, high };
      }),
    }));
}

/** @param {number} ratio */
function xOf(ratio) {
  const part = (ratio - SCALE.low) / (SCALE.high - SCALE.low);
  return Math.round(LEFT + (RIGHT - LEFT) * Math.min(Math.max(part, 0), 1));
}

/** @param {number} x @param {number} y @param {string} content */
function text(x, y, content, kind = "") {
  return `<text x="${x}" y="${y}"${kind && ` class="${kind}"`}>${content}</text>`;
}

/** @param {Bar} bar @param {number} y the middle */
function drawBar({ name, median, low, high }, y) {
  return [
    text(LEFT - 8, y + 4, name, "e"),
    `<rect class="bar" x="${LEFT}" y="${y - 6}" width="${xOf(median) - LEFT}" height="12"/>`,
    `<path class="spread" d="M${xOf(low)} ${y}H${xOf(high)}"/>`,
    text(RIGHT + 10, y + 4, median.toFixed(2)),
  ];
}

/** @param {{ node: string, bars: Bar[] }} section @param {number} y */
function drawSection({ node, bars }, y) {
  return [text(8, y + 4, `Node ${node}`, "b"), ...bars.flatMap((bar, i) => drawBar(bar, y + (i + 1) * LINE))];
}

/**
 * Draws the ratios of all tables of a page; the upright line is bare.
 * @param {string} page
 */
function chart(page) {
  let y = TOP;
  const parts = readTables(page).flatMap((section) => {
    const drawn = drawSection(section, y);
    y += (section.bars.length + 1.5) * LINE;
    return drawn;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}">`,
    "<title>Work for the same CPU time, bare node:http being 1</title>",
    `<style>${STYLE}</style>`,
    `<rect class="back" width="${WIDTH}" height="${y}" rx="8"/>`,
    text(8, 24, "Work for the same CPU time, bare node:http being 1; more is better", "b"),
    text(xOf(1), 46, "bare", "m"),
    ...parts,
    `<path class="one" d="M${xOf(1)} 52V${y - 8}"/>`,
    "</svg>",
    "",
  ].join("\n");
}

module.exports = { chart };
