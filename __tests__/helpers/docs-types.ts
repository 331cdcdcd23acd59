import { join } from "node:path";
import * as ts from "typescript";
import { ROOT } from "./docs-files";

/** What a user's own project would have: strict, today's module resolution, Node's and Jest's types. */
const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  moduleDetection: ts.ModuleDetectionKind.Force,
  strict: true,
  noUnusedLocals: true,
  skipLibCheck: true,
  noEmit: true,
  types: ["node", "jest"],
  paths: {
    asynchttpserver: [join(ROOT, "lib/index.ts")],
    "asynchttpserver/testing": [join(ROOT, "lib/testing/index.ts")],
  },
};

/** A compilation of the library together with texts that exist only here. */
export interface Checked {
  readonly program: ts.Program;
  /** What is wrong with one of the texts, as `line: TScode message`. */
  complaints(name: string): string[];
}

/**
 * Checks the types of the library's users.
 *
 * @param texts by file name: `.mts` is an ES module, `.cts` CommonJS
 * @param files of the checkout, to be checked with them
 */
export function check(texts: ReadonlyMap<string, string>, files: readonly string[] = []): Checked {
  const virtual = new Map(Array.from(texts, ([name, text]) => [join(ROOT, name), text]));
  const host = ts.createCompilerHost(OPTIONS);
  const { fileExists, readFile } = host;
  host.fileExists = (path) => virtual.has(path) || fileExists(path);
  host.readFile = (path) => virtual.get(path) ?? readFile(path);
  const real = ["lib/index.ts", "lib/testing/index.ts", ...files].map((name) => join(ROOT, name));
  const program = ts.createProgram([...virtual.keys(), ...real], OPTIONS, host);
  return {
    program,
    complaints(name) {
      const file = program.getSourceFile(join(ROOT, name))!;
      return ts.getPreEmitDiagnostics(program, file).map(({ start, code, messageText }) => {
        const line = start === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1;
        return `${line}: TS${code} ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
      });
    },
  };
}

/** The source file of an entry and the declarations that it exports, by name, in order. */
export function exportsOf(program: ts.Program, entry: string): Map<string, ts.Declaration[]> {
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(join(ROOT, entry))!;
  const symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(file)!).map((symbol) => {
    const original = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return [symbol.name, original.declarations ?? []] as const;
  });
  return new Map(symbols.sort(([a], [b]) => (a < b ? -1 : 1)));
}
