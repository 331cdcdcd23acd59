/**
 * How many times a long run does something.
 *
 * The variable NAME gives the size of one run, `SOAK=ci` the smaller ones of all runs; the default is what is promised.
 */
export function size(name: string, full: number, bounded: number): number {
  const given = process.env[name];
  if (given === undefined) return process.env["SOAK"] === "ci" ? bounded : full;
  const number = Number(given);
  if (!(Number.isInteger(number) && number > 0))
    throw new Error(`${name} must be a whole number above 0, got ${given}`);
  return number;
}

/** Prints the figure that a run holds. */
export function report(figure: string): void {
  process.stdout.write(`    ${expect.getState().currentTestName}: ${figure}\n`);
}

export const KiB = 1024;
export const MiB = 1024 * 1024;

export function inMiB(bytes: number): string {
  return `${(bytes / MiB).toFixed(1)} MiB`;
}

export function inKiB(bytes: number): string {
  return `${(bytes / KiB).toFixed(2)} KiB`;
}
