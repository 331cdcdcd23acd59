import { fuzz } from "../helpers/fuzzing";
import { report, size } from "./sizes";

const count = size("FUZZ", 10_000, 10_000);
const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000_000);

test(`${count} mutations of valid requests from SEED=${seed} on`, async () => {
  // Before the run, for the case that it does not come to an end.
  report("begins");
  const { reset, valid } = await fuzz(seed, count);
  report(`${valid} of them valid still, ${reset} connections reset`);
}, 600_000);
