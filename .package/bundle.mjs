// Builds dist/ from lib/: all modules of the library become one file, those of the testing entry another.
//
// Loading twenty small modules costs a user three times what loading one costs, in every Jest test file anew, and
// declarations of modules that nobody can import are dead weight. The modules of lib/ import one another by plain names,
// so putting them one behind the other in the order of their imports is all that is needed.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";

const root = resolve(import.meta.dirname ?? dirname(new URL(import.meta.url).pathname), "..");
const lib = join(root, "lib");
const dist = join(root, "dist");

/** Every module by its path, in the order in which it has to run: what it imports first. */
const modules = new Map();

function load(path) {
  if (modules.has(path)) return modules.get(path);
  const source = program.getSourceFile(path);
  const module = { path, source, exported: new Map(), renamed: [], isTesting: path.startsWith(join(lib, "testing")) };
  for (const statement of source.statements) {
    if (isRelative(statement)) load(target(path, statement));
  }
  for (const statement of source.statements) {
    // A class and an interface of one name are a value too.
    for (const [name, kind] of exportsOf(path, statement)) {
      if (module.exported.get(name) !== "value") module.exported.set(name, kind);
    }
  }
  modules.set(path, module);
  return module;
}

const isRelative = ({ moduleSpecifier }) => moduleSpecifier?.text.startsWith(".") ?? false;
const target = (path, { moduleSpecifier }) => resolve(dirname(path), `${moduleSpecifier.text}.ts`);

/** The names that a statement exports, each with whether it is a value or only a type. */
function exportsOf(path, statement) {
  if (ts.isExportDeclaration(statement)) {
    const from = modules.get(target(path, statement)).exported;
    if (!statement.exportClause) return [...from];
    const onlyType = (element) => statement.isTypeOnly || element.isTypeOnly;
    return statement.exportClause.elements.map((element) => {
      const name = element.name.text;
      return [name, onlyType(element) ? "type" : from.get(name)];
    });
  }
  if (!statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return [];
  const kind = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement) ? "type" : "value";
  return declared(statement).map((name) => [name.text, kind]);
}

const identifiers = (binding) =>
  ts.isIdentifier(binding) ? [binding] : binding.elements.flatMap(({ name }) => identifiers(name));

const values = (exported) => [...exported].filter(([, kind]) => kind === "value").map(([name]) => name);

/** Gives a second private helper of one name another name, now that they live in one file. */
function separate(parts) {
  const seen = new Set();
  for (const [number, { source, renamed }] of parts.entries()) {
    const own = new Map();
    for (const statement of source.statements) {
      for (const name of declared(statement)) own.set(name.text, checker.getSymbolAtLocation(name));
    }
    const taken = [...own.keys()].filter((name) => seen.has(name));
    for (const name of own.keys()) seen.add(name);
    const visit = (node) => {
      if (ts.isIdentifier(node) && taken.includes(node.text)) {
        const short = ts.isShorthandPropertyAssignment(node.parent);
        const symbol = short ? checker.getShorthandAssignmentValueSymbol(node.parent) : checker.getSymbolAtLocation(node);
        if (symbol === own.get(node.text)) {
          const name = `${node.text}$${number}`;
          renamed.push({ start: node.getStart(), end: node.end, text: short ? `${node.text}: ${name}` : name });
        }
      }
      ts.forEachChild(node, visit);
    };
    if (taken.length > 0) visit(source);
  }
}

/** The names that a statement of a module's top level declares. */
function declared(statement) {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) => identifiers(name));
  }
  return statement.name ? [statement.name] : [];
}

/** Puts modules behind one another. Only the names in `shown` stay exported. */
function concatenate(parts, shown) {
  separate(parts);
  const imports = new Map();
  let text = "";
  for (const { path, source, exported, renamed, isTesting } of parts) {
    // Of a class of which only the type is shown, the declaration is not exported.
    const open = new Set([...shown].filter(([name, kind]) => exported.get(name) === kind).map(([name]) => name));
    for (const statement of source.statements) {
      if (ts.isExportDeclaration(statement)) continue;
      if (!ts.isImportDeclaration(statement)) {
        text += written(statement, renamed, open);
        continue;
      }
      const from = isRelative(statement) ? modules.get(target(path, statement)) : undefined;
      if (from?.isTesting === isTesting) {
        for (const { propertyName } of statement.importClause.namedBindings.elements) {
          if (propertyName) throw new Error(`${path}: an import may not rename ${propertyName.text}`);
        }
        continue;
      }
      add(imports, from ? "../index" : statement.moduleSpecifier.text, statement.importClause);
    }
  }
  const types = parts.flatMap(({ exported }) => values(exported).filter((name) => shown.get(name) === "type"));
  if (types.length > 0) text += `\nexport type { ${types.join(", ")} };\n`;
  return { imports, text };
}

/** A statement as it stands in the bundle: with its new names, and without `export` if nobody outside imports it. */
function written(statement, renamed, open) {
  const from = statement.getFullStart();
  const edits = renamed.filter(({ start }) => start >= from && start < statement.end);
  const keyword = statement.modifiers?.find(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  const exported = keyword ? exportsOf("", statement) : [];
  if (keyword && !exported.some(([name]) => open.has(name))) {
    edits.push({ start: keyword.getStart(), end: keyword.end + 1, text: "" });
  } else if (keyword && !exported.some(([name]) => entry.exported.has(name) || testing.exported.has(name))) {
    edits.push({ start: keyword.getStart(), end: keyword.getStart(), text: "/** @internal */ " });
  }
  return edit(
    statement.getFullText(),
    edits.map(({ start, end, text }) => ({ start: start - from, end: end - from, text })),
  );
}

/** Notes what one import statement brings in: names, or the whole module under a name. */
function add(imports, from, { isTypeOnly, namedBindings }) {
  const entry = imports.get(from) ?? { whole: new Map(), names: new Map() };
  imports.set(from, entry);
  const note = (map, name, type) => map.set(name, type && (map.get(name) ?? true));
  if (ts.isNamespaceImport(namedBindings)) return note(entry.whole, namedBindings.name.text, isTypeOnly);
  for (const { name, propertyName, isTypeOnly: alone } of namedBindings.elements) {
    note(entry.names, propertyName ? `${propertyName.text}: ${name.text}` : name.text, isTypeOnly || alone);
  }
}

/** Where the main entry keeps what the testing entry needs besides its public names; no name, so nobody imports it. */
const INNER = 'Symbol.for("asynchttpserver.inner")';

const typeScript = ({ imports, text }) => {
  let head = "";
  for (const [from, { whole, names }] of imports) {
    for (const [name] of whole) head += `import * as ${name} from "${from}";\n`;
    if (names.size > 0) head += `import { ${[...names.keys()].join(", ").replaceAll(":", " as")} } from "${from}";\n`;
  }
  return head + text;
};

/** The bundle as CommonJS: no comment, no indentation, a line of its own for each statement. */
function javaScript({ imports, text }, values, inner = []) {
  let head = '"use strict";\n';
  for (const [from, { whole, names }] of imports) {
    for (const [name, typeOnly] of whole) if (!typeOnly) head += `const ${name} = require("${from}");\n`;
    const used = [...names].filter(([, typeOnly]) => !typeOnly).map(([name]) => name);
    if (from !== "../index") {
      if (used.length > 0) head += `const { ${used.join(", ")} } = require("${from}");\n`;
      continue;
    }
    const open = used.filter((name) => entry.exported.has(name));
    const inner = used.filter((name) => !entry.exported.has(name));
    head += `const { ${open.join(", ")}, [${INNER}]: { ${inner.join(", ")} } } = require("../index.js");\n`;
  }
  const { outputText } = ts.transpileModule(
    text.replaceAll(/^export type \{.*\};$|^(\/\*\* @internal \*\/ )?export /gm, ""),
    {
      compilerOptions: {
        ...project.options,
        module: ts.ModuleKind.ESNext,
        moduleDetection: "legacy",
        alwaysStrict: false,
        removeComments: true,
        declaration: false,
      },
    },
  );
  const body = shorten(compact(outputText), [...values, ...inner]);
  let tail = `module.exports = { ${values.join(", ")} };\n`;
  if (inner.length > 0) tail += `Object.defineProperty(module.exports, ${INNER}, { value: { ${inner.join(", ")} } });\n`;
  return head + body + tail;
}

/** Shortens the names of private members, and of variables, parameters and functions that are not exported. */
function shorten(text, exported) {
  const path = join(root, "bundle.js");
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const host = { ...ts.createCompilerHost({}), getSourceFile: (name) => (name === path ? source : undefined) };
  const scopes = ts.createProgram([path], { allowJs: true, noLib: true, types: [] }, host).getTypeChecker();

  const taken = new Set(["do", "if", "in"]);
  const found = new Map();
  const note = (key, room, node, before = "") => {
    if (!found.has(key)) found.set(key, { room, uses: [] });
    found.get(key).uses.push({ start: node.getStart(), end: node.end, before });
  };
  const visit = (node) => {
    if (ts.isPrivateIdentifier(node)) {
      note(node.text, "private", node, "#");
    } else if (ts.isIdentifier(node)) {
      taken.add(node.text);
      const { parent } = node;
      const shorthand = ts.isShorthandPropertyAssignment(parent);
      const symbol = shorthand ? scopes.getShorthandAssignmentValueSymbol(parent) : scopes.getSymbolAtLocation(node);
      const binding = symbol?.valueDeclaration;
      if (binding && hasLocalName(binding)) {
        // `{ name }` keeps the name of the property: `{ name: n }`.
        const inPattern = parent === binding && ts.isObjectBindingPattern(parent.parent);
        const pattern = inPattern && !parent.propertyName && !parent.dotDotDotToken;
        const room = outermostFunction(binding);
        const before = shorthand || pattern ? `${node.text}:` : "";
        if (room !== source || !exported.includes(node.text)) note(symbol, room, node, before);
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);

  // The most used gets the shortest. What the whole file sees is named first; one function's names are free in the next.
  const edits = [];
  const next = new Map();
  const rank = ({ room, uses }) => (room === source ? 1_000_000 : 0) + uses.length;
  for (const { room, uses } of [...found.values()].sort((a, b) => rank(b) - rank(a))) {
    let number = next.get(room) ?? (room === "private" ? 0 : next.get(source) ?? 0);
    while (taken.has(shortName(number))) number++;
    next.set(room, number + 1);
    for (const { start, end, before } of uses) edits.push({ start, end, text: before + shortName(number) });
  }
  return edit(text, edits);
}

// Classes keep their names: `inspect` and Jest's diffs show them.
const hasLocalName = (node) =>
  [ts.isVariableDeclaration, ts.isParameter, ts.isBindingElement, ts.isFunctionDeclaration].some((is) => is(node));

function outermostFunction(node) {
  let outermost = node.getSourceFile();
  for (let at = node.parent; at; at = at.parent) if (ts.isFunctionLike(at)) outermost = at;
  return outermost;
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

function shortName(number) {
  const last = LETTERS[number % LETTERS.length];
  return number < LETTERS.length ? last : shortName(Math.floor(number / LETTERS.length) - 1) + last;
}

/** Replaces pieces of a text, none of which overlap. */
function edit(text, edits) {
  let out = "";
  let done = 0;
  for (const { start, end, text: piece } of edits.sort((a, b) => a.start - b.start)) {
    out += text.slice(done, start) + piece;
    done = end;
  }
  return out + text.slice(done);
}

/** Drops the space between tokens, but for what keeps words and operators apart, and the line breaks of statements. */
function compact(text) {
  let out = "";
  const write = (node) => {
    const children = node.getChildren();
    if (children.length > 0) return children.forEach(write);
    const token = node.getText();
    if (token === "") return;
    const space = text.slice(node.pos, node.getStart());
    if (space.includes("\n") && !/[{([,:?&|]/.test(out.at(-1))) out += "\n";
    else if (space !== "" && /[\w$#][\w$#]$|\+\+$|--$/.test(out.at(-1) + token[0])) out += " ";
    out += token;
  };
  write(ts.createSourceFile("bundle.js", text, ts.ScriptTarget.Latest, true));
  return `${out.trimStart()}\n`;
}

/** The declarations of the bundles, without comments: with them the package would be half as large again. */
function declarations(files) {
  const host = ts.createCompilerHost(project.options);
  const virtual = new Map(Object.entries(files).map(([name, text]) => [join(root, name), text]));
  const { readFile, fileExists } = host;
  host.readFile = (path) => virtual.get(resolve(path)) ?? readFile(path);
  host.fileExists = (path) => virtual.has(resolve(path)) || fileExists(path);
  host.getSourceFile = (path, target) => {
    const text = host.readFile(path);
    return text === undefined ? undefined : ts.createSourceFile(path, text, target, true);
  };
  const options = { ...project.options, rootDir: root, outDir: root, emitDeclarationOnly: true, removeComments: true };
  const program = ts.createProgram([...virtual.keys()], { ...options, noUnusedLocals: false }, host);
  const out = {};
  const emitted = program.emit(undefined, (path, text) => {
    const flat = text.replaceAll(/^ +/gm, "");
    out[relative(root, path)] = flat.replaceAll(/(?<=^export declare const .*);\nexport declare const /gm, ", ");
  });
  const problems = [...ts.getPreEmitDiagnostics(program), ...emitted.diagnostics];
  if (problems.length > 0) throw new Error(ts.formatDiagnostics(problems, host));
  return out;
}

const config = join(root, "tsconfig.json");
const project = ts.parseJsonConfigFileContent(ts.readConfigFile(config, ts.sys.readFile).config, ts.sys, root);
const program = ts.createProgram(project.fileNames, project.options);
const checker = program.getTypeChecker();

const entry = load(join(lib, "index.ts"));
const testing = load(join(lib, "testing/index.ts"));
const inner = [...modules.values()].filter((module) => module !== entry && module !== testing);

// What the testing entry uses of the library beyond its public names is shared without being shown.
const test = concatenate(inner.filter(({ isTesting }) => isTesting), testing.exported);
const used = [...test.imports.get("../index").names]
  .filter(([name]) => !entry.exported.has(name))
  .map(([name, typeOnly]) => [name, typeOnly ? "type" : "value"]);
const main = concatenate(inner.filter(({ isTesting }) => !isTesting), new Map([...entry.exported, ...used]));
const types = declarations({ "index.ts": typeScript(main), "testing/index.ts": typeScript(test) });

const output = {
  "index.js": javaScript(main, values(entry.exported), values(used)),
  "index.d.ts": types["index.d.ts"],
  "testing/index.js": javaScript(test, values(testing.exported)),
  "testing/index.d.ts": types["testing/index.d.ts"],
};
for (const name of ["index", "testing/index"]) {
  output[`${name}.mjs`] = output[`${name}.d.mts`] = readFileSync(join(lib, `${name}.mts`), "utf8");
}
rmSync(dist, { recursive: true, force: true });
mkdirSync(join(dist, "testing"), { recursive: true });
for (const [name, text] of Object.entries(output)) writeFileSync(join(dist, name), text);
