"use strict";
// The ratios of the page as a picture that is readable on light and on dark.

/** @typedef {{ name: string, median: number, low: number, high: number }} Ratio */

const WIDTH = 760;
const LEFT = 150;
const LINE = 22;
const TOP = 66;
/** What the left and the right end of the scale stand for; what lies beyond is drawn at the end. */
const SCALE = { low: 0.5, high: 1.5 };
const RIGHT = WIDTH - 60;

const STYLE = `
text{font:13px system-ui,sans-serif;fill:#1f2328}
.b{font-weight:600}.e{text-anchor:end}.m{text-anchor:middle}
.back{fill:#ffffff}.dot{fill:#0969da}.spread{stroke:#0969da;stroke-width:2}.one{stroke:#59636e;stroke-dasharray:4 3}
@media (prefers-color-scheme:dark){
text{fill:#f0f6fc}.back{fill:#0d1117}.dot{fill:#4493f8}.spread{stroke:#4493f8}.one{stroke:#9198a1}
}
`;

/**
 * Reads the ratio to bare of every case out of a page of tables.
 * @param {string} page
 * @returns {{ node: string, ratios: Ratio[] }[]}
 */
function readTables(page) {
  const row = /^\| `([^`]+)` \| [^|]* \| \*\*([\d.]+)\*\* \(([\d.]+)–([\d.]+)\)/gm;
  return page
    .split("### Node ")
    .slice(1)
    .map((section) => ({
      node: section.slice(0, section.indexOf("\n")),
      ratios: [...section.matchAll(row)].map(([, name, ...values]) => {
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

/** @param {Ratio} ratio @param {number} y the middle */
function drawRatio({ name, median, low, high }, y) {
  return [
    text(LEFT - 8, y + 4, name, "e"),
    `<path class="spread" d="M${xOf(low)} ${y}H${xOf(high)}"/>`,
    `<circle class="dot" cx="${xOf(median)}" cy="${y}" r="5"/>`,
    text(RIGHT + 10, y + 4, median.toFixed(2)),
  ];
}

/** @param {{ node: string, ratios: Ratio[] }} section @param {number} y */
function drawSection({ node, ratios }, y) {
  return [text(8, y + 4, `Node ${node}`, "b"), ...ratios.flatMap((ratio, i) => drawRatio(ratio, y + (i + 1) * LINE))];
}

/**
 * Draws the ratios of all tables of a page; the upright line is bare.
 * @param {string} page
 */
function chart(page) {
  let y = TOP;
  const parts = readTables(page).flatMap((section) => {
    const drawn = drawSection(section, y);
    y += (section.ratios.length + 1.5) * LINE;
    return drawn;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}">`,
    "<title>Work for the same CPU time or memory, bare node:http being 1</title>",
    `<style>${STYLE}</style>`,
    `<rect class="back" width="${WIDTH}" height="${y}" rx="8"/>`,
    text(8, 24, "Work for the same CPU time (held: memory), bare node:http being 1; more is better", "b"),
    text(xOf(SCALE.low), 46, String(SCALE.low), "m"),
    text(xOf(1), 46, "bare", "m"),
    text(xOf(SCALE.high), 46, String(SCALE.high), "m"),
    `<path class="one" d="M${xOf(1)} 52V${y - 8}"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

module.exports = { chart };
