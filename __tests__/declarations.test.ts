import { join } from "node:path";
import * as ts from "typescript";

// The declarations as the build writes them, read as an editor reads them in a project that has the package installed.

const root = join(__dirname, "..");
const dist = join(root, "dist");
const config = ts.readConfigFile(join(root, "tsconfig.json"), (path) => ts.sys.readFile(path)).config as object;
const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, root);

const emitted = new Map<string, string>();
const build = ts.createProgram(fileNames, { ...options, emitDeclarationOnly: true });
build.emit(undefined, (path, text) => emitted.set(path, text));

const read = (path: string): string | undefined => emitted.get(path) ?? ts.sys.readFile(path);
const host: ts.LanguageServiceHost = {
  getCompilationSettings: () => ({ ...options, noEmit: true }),
  getCurrentDirectory: () => root,
  getDefaultLibFileName: (settings) => ts.getDefaultLibFilePath(settings),
  getScriptFileNames: () => entries,
  getScriptVersion: () => "1",
  getScriptSnapshot: (path) => {
    const text = read(path);
    return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
  },
  // What an earlier build left in dist/ is not there.
  fileExists: (path) => (path.startsWith(`${dist}/`) ? emitted.has(path) : ts.sys.fileExists(path)),
  readFile: read,
};
const entries = ["index.d.ts", "testing/index.d.ts"].map((name) => join(dist, name));
const service = ts.createLanguageService(host, ts.createDocumentRegistry());
const program = service.getProgram()!;
const checker = program.getTypeChecker();

/** The modules that a user's compiler reads: those of the entries and what they import. */
const closure = program.getSourceFiles().filter(({ fileName }) => emitted.has(fileName));

const exportsOf = (file: ts.SourceFile): ts.Symbol[] => {
  const module = checker.getSymbolAtLocation(file);
  return module === undefined ? [] : checker.getExportsOfModule(module);
};
const publicNames = new Set(
  entries.flatMap((entry) => exportsOf(program.getSourceFile(entry)!)).map(({ name }) => name),
);

test("the declarations of the entries are complete and correct", () => {
  expect(ts.getPreEmitDiagnostics(program).map(({ messageText }) => messageText)).toEqual([]);
  expect(publicNames.size).toBeGreaterThan(100);
});

const files = closure.map((file) => [file.fileName.slice(dist.length + 1), file] as const);

test.each(files)("%s declares public names only", (_, file) => {
  const names = exportsOf(file).map(({ name }) => name);
  expect(names.filter((name) => !publicNames.has(name))).toEqual([]);
  expect(file.text).not.toContain("@internal");
});

/** What an editor explains, by its path: exported names, members, and the fields of options. */
function declarationsIn(file: ts.SourceFile): [path: string, declaration: ts.NamedDeclaration][] {
  const found: [string, ts.NamedDeclaration][] = [];
  const visit = (node: ts.Node, owner: string): void => {
    let path = owner;
    if (isExplained(node) && node.name !== undefined && !ts.isPrivateIdentifier(node.name)) {
      path += `${owner && "."}${node.name.getText()}`;
      found.push([path, node]);
    }
    ts.forEachChild(node, (child) => visit(child, path));
  };
  visit(file, "");
  return found;
}

function isExplained(node: ts.Node): node is ts.NamedDeclaration {
  const kinds = [
    ts.isClassElement,
    ts.isTypeElement,
    ts.isVariableDeclaration,
    ts.isFunctionDeclaration,
    ts.isClassDeclaration,
  ];
  return [...kinds, ts.isInterfaceDeclaration, ts.isTypeAliasDeclaration].some((is) => is(node));
}

/** The text that an editor shows when the mouse rests on the name, or on a call of this very overload. */
function hover(declaration: ts.NamedDeclaration): string {
  const name = declaration.name!;
  if (ts.isFunctionDeclaration(declaration) || ts.isMethodDeclaration(declaration)) {
    return ts.displayPartsToString(checker.getSignatureFromDeclaration(declaration)?.getDocumentationComment(checker));
  }
  if (ts.isComputedPropertyName(name)) {
    return ts.displayPartsToString(checker.getSymbolAtLocation(name)?.getDocumentationComment(checker));
  }
  const info = service.getQuickInfoAtPosition(name.getSourceFile().fileName, name.getStart());
  return ts.displayPartsToString(info?.documentation);
}

test.each(files)("an editor explains every name of %s", (_, file) => {
  const bare = declarationsIn(file).filter(([, declaration]) => hover(declaration).trim() === "");
  expect(bare.map(([path]) => path)).toEqual([]);
});
