import { fuzz } from "../helpers/fuzzing";

const count = Number(process.env["FUZZ"] ?? 500);
const seed = Number(process.env["SEED"] ?? 1);

// The long run is `npm run test:soak`; a case that fails there fails here with its SEED and FUZZ=1.
test(`${count} mutations of valid requests from SEED=${seed} on`, async () => {
  const { valid } = await fuzz(seed, count);
  expect(valid).toBeLessThanOrEqual(count);
}, 30_000);
