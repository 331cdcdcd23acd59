import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as ts from "typescript";
import { filesBelow, readText, ROOT } from "./docs-files";

/** A throw-away project of a user, with the library installed from its sources: no test depends on a build. */
export class Project {
  readonly directory: string;

  constructor() {
    // Below the checkout, so that development packages are found as well.
    const parent = join(ROOT, ".build");
    mkdirSync(parent, { recursive: true });
    this.directory = mkdtempSync(join(parent, "docs-"));
    const installed = "node_modules/asynchttpserver";
    this.write("package.json", '{ "private": true, "type": "commonjs" }');
    this.write(`${installed}/package.json`, readText("package.json"));
    for (const name of [...filesBelow("lib", ".ts"), ...filesBelow("lib", ".mts")]) {
      this.write(name.replace(/^lib/, `${installed}/dist`), readText(name));
    }
  }

  /** Writes a file; TypeScript is transpiled, `.mts` to `.mjs` and everything else to CommonJS. */
  write(name: string, text: string): string {
    const extension = /\.([mc]?)ts$/.exec(name);
    const path = join(this.directory, extension === null ? name : name.replace(/ts$/, "js"));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, extension === null ? text : transpile(text, extension[1] === "m"));
    return path;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function transpile(text: string, esm: boolean): string {
  return ts.transpileModule(text, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: esm ? ts.ModuleKind.ESNext : ts.ModuleKind.CommonJS,
      esModuleInterop: true,
      inlineSourceMap: true,
    },
  }).outputText;
}
