// The declarations as a strict user meets them: no skipLibCheck, only @types/node, every way to resolve a module. No
// `types` in the configuration: TypeScript 6 reads @types/node because the package asks for it.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { succeed } from "../harness.mjs";

const use = readFileSync("use.ts", "utf8");

// In a project of ES modules `use.ts` is an ES module, in the other one it is CommonJS; the extensions say it themselves.
for (const type of ["module", "commonjs"]) {
  mkdirSync(type, { recursive: true });
  writeFileSync(`${type}/package.json`, JSON.stringify({ private: true, type }));
  for (const extension of ["ts", "mts", "cts"]) writeFileSync(`${type}/use.${extension}`, use);
}

const compilers = {
  "TypeScript 5.4": "typescript-5.4",
  "TypeScript 5.9": "typescript-5.9",
  "TypeScript 6.0": "typescript",
  "TypeScript 7.0": "typescript-7.0",
};
const modern = ["TypeScript 5.4", "TypeScript 5.9", "TypeScript 6.0", "TypeScript 7.0"];
const resolutions = [
  { name: "nodenext", module: "nodenext", compilers: modern },
  { name: "node16", module: "node16", compilers: ["TypeScript 5.9", "TypeScript 6.0"] },
  { name: "bundler", module: "esnext", compilers: modern },
  { name: "node10", module: "commonjs", compilers: ["TypeScript 5.4", "TypeScript 5.9"] },
];

for (const { name, module, compilers: names } of resolutions) {
  // Without package.json's exports there is but one kind of file.
  const files = ["bundler", "node10"].includes(name)
    ? ["../commonjs/use.ts"]
    : ["module", "commonjs"].flatMap((type) => ["ts", "mts", "cts"].map((extension) => `../${type}/use.${extension}`));
  mkdirSync(name, { recursive: true });
  writeFileSync(
    `${name}/tsconfig.json`,
    JSON.stringify({
      compilerOptions: {
        target: "es2022",
        module,
        moduleResolution: name,
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        noEmit: true,
      },
      files,
    }),
  );
  for (const compiler of names) {
    await test(`${compiler}, ${name}`, () =>
      succeed("node", [`node_modules/${compilers[compiler]}/bin/tsc`, "-p", name]));
  }
}
