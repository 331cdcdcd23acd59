"use strict";
// The ratios of the page as a picture that is readable on light and on dark.

/** @typedef {import("./report.js").Ratio} Ratio */

const WIDTH = 760;
const LEFT = 290;
const RIGHT = WIDTH - 30;
const LINE = 24;
const TOP = 92;
/** What the left and the right end of the scale stand for; what lies beyond is drawn at the end. */
const SCALE = { low: 0.7, high: 1.3 };

/** One shade for each Node, the oldest first, on light and on dark. */
const LIGHT = ["#afb8c1", "#8250df", "#1a7f37", "#0969da"];
const DARK = ["#656c76", "#ab7df8", "#3fb950", "#4493f8"];

/** @param {readonly string[]} shades */
function fills(shades) {
  return shades.map((shade, i) => `.n${i}{fill:${shade}}`).join("");
}

const STYLE = `
text{font:13px system-ui,sans-serif;fill:#1f2328}
.b{font-weight:600}.e{text-anchor:end}.m{text-anchor:middle}
.back{fill:#ffffff}.line{stroke:#d1d9e0}.one{stroke:#59636e;stroke-dasharray:4 3}${fills(LIGHT)}
@media (prefers-color-scheme:dark){
text{fill:#f0f6fc}.back{fill:#0d1117}.line{stroke:#3d444d}.one{stroke:#9198a1}${fills(DARK)}
}
`;

/** @param {number} ratio */
function xOf(ratio) {
  const part = (ratio - SCALE.low) / (SCALE.high - SCALE.low);
  return Math.round(LEFT + (RIGHT - LEFT) * Math.min(Math.max(part, 0), 1));
}

/** @param {number} x @param {number} y @param {string} content */
function text(x, y, content, kind = "") {
  return `<text x="${x}" y="${y}"${kind && ` class="${kind}"`}>${content.replaceAll("`", "")}</text>`;
}

/** @param {number} x @param {number} y the middle */
function dot(x, y) {
  return `<circle cx="${x}" cy="${y}" r="5"/>`;
}

/**
 * Draws the ratios of all Nodes, a row for each case; the upright line is bare.
 * @param {readonly { node: string, ratios: readonly Ratio[] }[]} sections
 */
function chart(sections) {
  const titles = new Map(sections.flatMap(({ ratios }) => ratios.map(({ name, title }) => [name, title])));
  // The newest Nodes keep their shades.
  const shadeOf = (/** @type {number} */ i) => LIGHT.length - sections.length + i;
  const bottom = TOP + titles.size * LINE;
  const rows = Array.from(titles.values(), (title, row) => {
    const y = TOP + row * LINE + LINE / 2;
    return `<text y="${y + 4}">${title.replaceAll("`", "")}</text>`;
  });
  const dots = sections.flatMap(({ ratios }, i) => {
    const own = [...titles.keys()].flatMap((name, row) => {
      const ratio = ratios.find((each) => each.name === name);
      return ratio === undefined ? [] : [dot(xOf(ratio.median), TOP + row * LINE + LINE / 2)];
    });
    return [`<g class="n${shadeOf(i)}">`, dot(LEFT + i * 105, 50), ...own, "</g>"];
  });
  const lines = Array.from(titles, (_, row) => `M${LEFT} ${TOP + row * LINE + LINE / 2}H${RIGHT}`).join("");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${bottom + 16}" viewBox="0 0 ${WIDTH} ${bottom + 16}">`,
    "<title>Work for the same CPU time or memory, bare node:http being 1</title>",
    `<style>${STYLE}</style>`,
    `<rect class="back" width="${WIDTH}" height="${bottom + 16}" rx="8"/>`,
    text(16, 26, "Work for the same CPU time (connections held: memory), bare node:http being 1", "b"),
    ...sections.map(({ node }, i) => text(LEFT + 10 + i * 105, 54, `Node ${node}`)),
    ...[SCALE.low, 1, SCALE.high].map((ratio) => text(xOf(ratio), 82, ratio === 1 ? "bare" : String(ratio), "m")),
    `<path class="one" d="M${xOf(1)} ${TOP}V${bottom}"/>`,
    `<path class="line" d="${lines}"/>`,
    `<g class="e" transform="translate(${LEFT - 20})">`,
    ...rows,
    "</g>",
    ...dots,
    "</svg>",
    "",
  ].join("\n");
}

module.exports = { chart };
