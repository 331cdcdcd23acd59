import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { ROOT } from "./docs-files";
import { Project } from "./docs-project";

/** Columns of the terminal in a picture; a longer line goes on below. */
const COLUMNS = 102;

/** What Jest prints of each test file that fails, with the terminal's colours, from its first failure to its last frame. */
export async function failuresOf(files: ReadonlyMap<string, string>): Promise<Map<string, string>> {
  const project = new Project();
  try {
    project.write("jest.config.json", JSON.stringify({ testMatch: ["<rootDir>/*.test.js"] }));
    for (const [name, code] of files) project.write(name, code);
    const printed = await jest(project.directory);
    return new Map([...files.keys()].map((name) => [name, failureOf(name, printed)]));
  } finally {
    project.remove();
  }
}

async function jest(cwd: string): Promise<string> {
  const env: NodeJS.ProcessEnv = { ...process.env, FORCE_COLOR: "1" };
  for (const name of ["NO_COLOR", "JEST_WORKER_ID", "NODE_OPTIONS"]) delete env[name];
  const args = [
    join(ROOT, "node_modules/jest/bin/jest.js"),
    "--ci",
    "--runInBand",
    "--verbose=false",
    "--config=jest.config.json",
  ];
  const child = spawn(process.execPath, args, { cwd, env, stdio: ["ignore", "ignore", "pipe"] });
  let printed = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (printed += text));
  await once(child, "close");
  return printed;
}

/** What is printed below the name of a file; ports are all one port, since each run has others. */
function failureOf(file: string, printed: string): string {
  const lines = printed.split("\n");
  const plain = lines.map((line) => stripVTControlCharacters(line).trim());
  const start = plain.findIndex((line) => /^FAIL +\.\/(.*)$/.exec(line)?.[1] === file);
  const end = plain.findIndex((line, i) => i > start && /^(?:FAIL|PASS|Test Suites:) /.test(line));
  if (start === -1) throw new Error(`Jest did not say that ${file} failed:\n${plain.join("\n")}`);
  return lines
    .slice(start, end)
    .join("\n")
    .trimEnd()
    .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:49152");
}

/** What Jest prints without colours: a coloured FAIL has a space on either side. */
export function plainText(text: string): string {
  const lines = stripVTControlCharacters(text).split("\n");
  return lines.map((line) => line.replace(/^ FAIL  /, "FAIL ").trimEnd()).join("\n");
}

/** The colours of a terminal on dark ground, readable on a page of either kind. */
const COLOURS: Readonly<Record<string, string>> = {
  31: "#ff8f85",
  32: "#7ee787",
  33: "#f2cc60",
  36: "#79c0ff",
  90: "#9da7b3",
};

interface Style {
  readonly colour: string | undefined;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly inverse: boolean;
}

const PLAIN: Style = { colour: undefined, bold: false, dim: false, inverse: false };

/** A picture of a terminal that shows this text. */
export function terminalSvg(title: string, text: string): string {
  const rows = text.split("\n").flatMap(rowsOf);
  const height = rows.length * 18 + 28;
  const lines = rows.map((row, i) => (row === "" ? "" : `<text x="14" y="${28 + i * 18}">${row}</text>\n`));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" width="830" height="${height}" viewBox="0 0 830 ${height}">`,
    `<title>${escaped(title)}</title>`,
    "<style>text{font:13px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#e6edf3}</style>",
    `<rect width="830" height="${height}" rx="8" fill="#161b22"/>`,
    `${lines.join("")}</svg>`,
    "",
  ].join("\n");
}

/** The rows that a line takes, each as the spans of its styles. */
function rowsOf(line: string): string[] {
  const rows = [""];
  let style = PLAIN;
  let column = 0;
  for (const [, code, char] of line.matchAll(/\x1b\[([\d;]*)m|([^\x1b])/gu)) {
    if (char === undefined) {
      style = styled(style, code!);
      continue;
    }
    if (column === COLUMNS) {
      rows.push("");
      column = 0;
    }
    column++;
    rows[rows.length - 1] += span(style, char);
  }
  // Neighbours of one style are one span; spaces at the end of a row are nothing to see.
  return rows.map((row) =>
    row
      .replaceAll(/<\/tspan><tspan([^>]*)>/g, (whole, attributes: string, at: number) =>
        row.slice(0, at).lastIndexOf(`<tspan${attributes}>`) === row.slice(0, at).lastIndexOf("<tspan") ? "" : whole,
      )
      .trimEnd(),
  );
}

function styled(style: Style, codes: string): Style {
  return codes.split(";").reduce((last, code) => {
    if (code === "" || code === "0") return PLAIN;
    if (code === "1") return { ...last, bold: true };
    if (code === "2") return { ...last, dim: true };
    if (code === "7") return { ...last, inverse: true };
    if (code === "22") return { ...last, bold: false, dim: false };
    if (code === "27") return { ...last, inverse: false };
    if (code === "39") return { ...last, colour: undefined };
    return code in COLOURS ? { ...last, colour: COLOURS[code] } : last;
  }, style);
}

function span({ colour, bold, dim, inverse }: Style, char: string): string {
  // The inverse of a word of Jest's is its colour as ground; without a ground the colour and weight have to do.
  const weight = bold || inverse ? ' font-weight="bold"' : "";
  const fill = colour !== undefined ? ` fill="${colour}"` : dim ? ` fill="${COLOURS[90]}"` : "";
  return weight === "" && fill === "" ? escaped(char) : `<tspan${fill}${weight}>${escaped(char)}</tspan>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
