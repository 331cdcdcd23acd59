"use strict";
// What a person may write behind `npm run bench --`.

const { parseArgs } = require("node:util");

/**
 * @typedef {object} Options
 * @property {string[]} names the cases to run
 * @property {number} seconds about how long a case lasts
 * @property {boolean} save write the page and the chart too?
 * @property {string | undefined} against the revision to compare with
 */

/**
 * @param {readonly string[]} args
 * @param {readonly string[]} known the names of all cases
 * @returns {Options}
 * @throws {Error} that says what may be written instead
 */
function readOptions(args, known) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seconds: { type: "string", default: "10" },
      save: { type: "boolean", default: false },
      against: { type: "string" },
    },
  });
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`no case is called ${unknown.join(", ")}; there are ${known.join(", ")}`);
  const seconds = Number(values.seconds);
  if (!(seconds > 0 && seconds < Infinity))
    throw new Error(`--seconds takes a number above 0, such as --seconds=60, not "${values.seconds}"`);
  if (values.against === "") throw new Error("--against takes a commit, a branch or a tag, such as --against=HEAD~1");
  if (values.save && values.against !== undefined)
    throw new Error("--save and --against do not go together: the page compares with bare node:http only");
  const names = positionals.length > 0 ? known.filter((name) => positionals.includes(name)) : [...known];
  return { names, seconds, save: values.save, against: values.against };
}

module.exports = { readOptions };
