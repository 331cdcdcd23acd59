import { existsSync } from "node:fs";
import { join } from "node:path";
import { readText, ROOT } from "../helpers/docs-files";

test("the tests that docs/reliability.md names are there", () => {
  const rows = readText("docs/reliability.md")
    .split("\n")
    .filter((line) => /^\|(?:[^|]*\|){5}$/.test(line));
  const named = rows.slice(2).flatMap((row) =>
    row
      .split("|")[5]!
      .split(",")
      .map((name) => name.trim())
      .filter(Boolean),
  );
  expect(named.length).toBeGreaterThan(20);
  const missing = named.filter(
    (name) => !["test", "soak"].some((kind) => existsSync(join(ROOT, `__tests__/${name}.${kind}.ts`))),
  );
  expect(missing).toEqual([]);
});

test("the files of lib that docs/benchmark.md names are there", () => {
  const named = [...readText("docs/benchmark.md").matchAll(/`((?:[a-z]+\/)?[a-z-]+\.ts)`/g)].map((match) => match[1]!);
  expect(named.filter((name) => !existsSync(join(ROOT, "lib", name)))).toEqual([]);
});
