// Builds dist/ from lib/: all modules of the library become one file, those of the testing entry another.
//
// Loading twenty small modules costs a user three times what loading one costs, in every Jest test file anew, and
// declarations of modules that nobody can import are dead weight. The modules of lib/ import one another by plain
// names, so putting them one behind the other in the order of their imports is all that is needed.
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
  const isTesting = path.startsWith(join(lib, "testing"));
  const module = { path, source, isTesting, exported: new Map(), names: new Map(), edits: [] };
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
      if (element.propertyName) throw new Error(`${path}: an export may not rename ${element.propertyName.text}`);
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

/**
 * Gives what would meet another thing of its name another name, now that all live in one file: a helper, an import of
 * something else, or a helper that bears the name of a global which another module uses. Public names stay.
 */
function separate(parts, shown) {
  const holders = new Map();
  const given = new Map();
  const tops = parts.map(topLevel);
  for (const [number, { exported }] of parts.entries()) {
    for (const [name, { identity }] of tops[number]) {
      if (shown.has(name) && exported.has(name)) holders.set(name, identity);
    }
  }
  for (const { source, path } of parts) {
    const inScope = new Set(checker.getSymbolsInScope(source, ts.SymbolFlags.Value | ts.SymbolFlags.Type));
    each(source, ts.isIdentifier, (node) => {
      const symbol = checker.getSymbolAtLocation(node);
      const declarations = symbol?.declarations ?? [];
      const isOurs = declarations.some((declaration) => modules.has(declaration.getSourceFile().fileName));
      if (declarations.length === 0 || isOurs || !inScope.has(symbol)) return;
      if ((holders.get(node.text) ?? symbol) !== symbol) throw new Error(`${path}: ${node.text} is a name of ours`);
      holders.set(node.text, symbol);
    });
  }
  for (const [number, { source, edits, names }] of parts.entries()) {
    for (const [name, { identity }] of tops[number]) {
      if (!holders.has(name)) holders.set(name, identity);
      if (!given.has(identity)) given.set(identity, holders.get(name) === identity ? name : `${name}$${number}`);
      names.set(name, given.get(identity));
    }
    each(source, ts.isIdentifier, (node) => {
      const name = names.get(node.text);
      if (name === undefined || name === node.text) return;
      const short = ts.isShorthandPropertyAssignment(node.parent);
      const symbol = short ? checker.getShorthandAssignmentValueSymbol(node.parent) : checker.getSymbolAtLocation(node);
      if (symbol !== tops[number].get(node.text).symbol) return;
      edits.push({ start: node.getStart(), end: node.end, text: short ? `${node.text}: ${name}` : name });
    });
  }
}

/** The names of a module's top level, each with its symbol there, and with what it stands for in the whole bundle. */
function topLevel({ path, source, isTesting }) {
  const names = new Map();
  const note = (name, identify) => {
    const symbol = checker.getSymbolAtLocation(name);
    names.set(name.text, { symbol, identity: identify?.(symbol) ?? symbol });
  };
  for (const statement of source.statements) {
    if (ts.isImportDeclaration(statement)) {
      const isInside = isRelative(statement) && modules.get(target(path, statement)).isTesting === isTesting;
      const from = statement.moduleSpecifier.text;
      const { namedBindings } = statement.importClause;
      if (ts.isNamespaceImport(namedBindings)) note(namedBindings.name, () => `${from} * ${namedBindings.name.text}`);
      else {
        for (const { name, propertyName } of namedBindings.elements) {
          if (isInside && propertyName) throw new Error(`${path}: an import may not rename ${propertyName.text}`);
          const outside = `${from} ${(propertyName ?? name).text} ${name.text}`;
          note(name, (symbol) => (isRelative(statement) ? checker.getAliasedSymbol(symbol) : outside));
        }
      }
    } else if (!ts.isExportDeclaration(statement)) declared(statement).forEach((name) => note(name));
  }
  return names;
}

function each(node, is, act) {
  if (is(node)) act(node);
  ts.forEachChild(node, (child) => each(child, is, act));
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
  separate(parts, shown);
  const imports = new Map();
  let text = "";
  for (const { path, source, exported, edits, names, isTesting } of parts) {
    // Of a class of which only the type is shown, the declaration is not exported.
    const open = new Set([...shown].filter(([name, kind]) => exported.get(name) === kind).map(([name]) => name));
    for (const statement of source.statements) {
      if (ts.isExportDeclaration(statement)) continue;
      if (!ts.isImportDeclaration(statement)) {
        text += written(statement, edits, open);
        continue;
      }
      const from = isRelative(statement) ? modules.get(target(path, statement)) : undefined;
      if (from?.isTesting === isTesting) continue;
      add(imports, from ? "../index" : statement.moduleSpecifier.text, statement.importClause, names);
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
function add(imports, from, { isTypeOnly, namedBindings }, renamed) {
  const entry = imports.get(from) ?? { whole: new Map(), names: new Map() };
  imports.set(from, entry);
  const note = (map, name, type) => map.set(name, type && (map.get(name) ?? true));
  if (ts.isNamespaceImport(namedBindings)) return note(entry.whole, renamed.get(namedBindings.name.text), isTypeOnly);
  for (const { name, propertyName, isTypeOnly: alone } of namedBindings.elements) {
    const [theirs, ours] = [(propertyName ?? name).text, renamed.get(name.text)];
    note(entry.names, theirs === ours ? ours : `${theirs}: ${ours}`, isTypeOnly || alone);
  }
}

/** The name that an import has where it comes from: `{ theirs: ours }`. */
const theirs = (name) => name.split(":")[0];

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

/** The bundle as CommonJS, without comments and in few bytes. */
function javaScript({ imports, text }, values, inner = []) {
  let head = `"use strict";\nlet ${ABSENT};\n`;
  for (const [from, { whole, names }] of imports) {
    for (const [name, typeOnly] of whole) if (!typeOnly) head += `const ${name} = require("${from}");\n`;
    const used = [...names].filter(([, typeOnly]) => !typeOnly).map(([name]) => name);
    if (from !== "../index") {
      if (used.length > 0) head += `const { ${used.join(", ")} } = require("${from}");\n`;
      continue;
    }
    const open = used.filter((name) => entry.exported.has(theirs(name)));
    const inner = used.filter((name) => !entry.exported.has(theirs(name)));
    head += `const { ${open.join(", ")}, [${INNER}]: { ${inner.join(", ")} } } = require("../index.js");\n`;
  }
  let tail = `module.exports = { ${values.join(", ")} };\n`;
  if (inner.length > 0) tail += `Object.defineProperty(module.exports, ${INNER}, { value: { ${inner.join(", ")} } });`;
  const { outputText } = ts.transpileModule(
    head + text.replaceAll(/^export type \{.*\};$|^(\/\*\* @internal \*\/ )?export /gm, "") + tail,
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
  return shorten(compact(outputText, SHORTER), values);
}

/**
 * Shortens the names of private members, and of variables, parameters, functions and classes that are not exported.
 *
 * Two names of one room differ: of one class for private members, of one outermost function for all others. What the
 * whole file sees is in every room where it is used.
 */
function shorten(text, exported) {
  const { source, bindingOf } = analysed(text);
  const taken = new Set(["do", "if", "in"]);
  const found = new Map();
  const note = (key, own, node, before) => {
    if (!found.has(key)) found.set(key, { rooms: new Set([own]), uses: [] });
    const { rooms, uses } = found.get(key);
    if (own === source) rooms.add(roomOf(node));
    uses.push({ start: node.getStart(), end: node.end, before });
  };
  each(source, isName, (node) => {
    taken.add(node.text);
    const binding = bindingOf(node);
    // Of what Node gives, the checker knows no binding: it keeps its name.
    if (binding === undefined) return;
    const own = roomOf(binding);
    if (own === source && exported.includes(node.text)) return;
    note(binding, own, node, isShorthand(node) ? `${node.text}:` : "");
  });

  // The most used gets the shortest.
  const edits = [];
  const named = new Map();
  for (const [binding, { rooms, uses }] of [...found].sort(([, a], [, b]) => b.uses.length - a.uses.length)) {
    const others = [...rooms].map((room) => named.get(room) ?? named.set(room, new Set()).get(room));
    const hash = ts.isPrivateIdentifier(binding.name) ? "#" : "";
    let number = 0;
    let name;
    do name = hash + shortName(number++);
    while (taken.has(name) || others.some((names) => names.has(name)));
    for (const names of others) names.add(name);
    for (const { start, end, before } of uses) edits.push({ start, end, text: before + name });
  }
  const short = edit(text, edits);
  same(references(text), references(short));
  return short;
}

const isName = (node) => ts.isIdentifier(node) || ts.isPrivateIdentifier(node);

/** Whether it is the `name` of `{ name }`, which names a property and a variable. */
const isShorthand = ({ parent }) =>
  ts.isShorthandPropertyAssignment(parent) ||
  (ts.isObjectBindingPattern(parent.parent) && !parent.propertyName && !parent.dotDotDotToken);

/** A bundle, and where in it the thing is declared that an identifier stands for: nowhere if it is a property. */
function analysed(text) {
  const path = join(root, "bundle.js");
  const source = parse(text, path);
  const host = { ...ts.createCompilerHost({}), getSourceFile: (name) => (name === path ? source : undefined) };
  const scopes = ts.createProgram([path], { allowJs: true, noLib: true, types: [] }, host).getTypeChecker();
  const bindingOf = (node) => {
    const { parent } = node;
    if (ts.isPrivateIdentifier(node)) return privateMember(node);
    const isShort = ts.isShorthandPropertyAssignment(parent);
    const symbol = isShort ? scopes.getShorthandAssignmentValueSymbol(parent) : scopes.getSymbolAtLocation(node);
    const declaration = symbol?.valueDeclaration;
    return declaration && LOCAL.some((is) => is(declaration)) ? declaration : undefined;
  };
  return { source, bindingOf };
}

const LOCAL = [
  ts.isVariableDeclaration,
  ts.isParameter,
  ts.isBindingElement,
  ts.isFunctionDeclaration,
  // What extends a class of Node's keeps its name: `inspect` shows it.
  (node) => ts.isClassDeclaration(node) && !node.heritageClauses,
];

const classOf = (node) => ts.findAncestor(node, ts.isClassLike);
const privateMember = (node) => classOf(node).members.find(({ name }) => name?.text === node.text);

/** The class of a private member; otherwise the outermost function, or the file. */
function roomOf(node) {
  if (node.name && ts.isPrivateIdentifier(node.name)) return classOf(node);
  let outermost = node.getSourceFile();
  for (let at = node.parent; at; at = at.parent) if (ts.isFunctionLike(at)) outermost = at;
  return outermost;
}

/** What each identifier of a bundle stands for, whatever it is called: the number of a declaration, or a property. */
function references(text) {
  const { source, bindingOf } = analysed(text);
  const numbers = new Map();
  const out = [];
  each(source, isName, (node) => {
    const binding = bindingOf(node);
    if (binding && !numbers.has(binding)) numbers.set(binding, numbers.size);
    if (!binding || isShorthand(node)) out.push(node.text);
    if (binding) out.push(numbers.get(binding));
  });
  return out;
}

/** Holds a rewritten program to what it was. */
function same(before, after) {
  const at = before.findIndex((piece, index) => piece !== after[index]);
  if (at === -1 && before.length === after.length) return;
  throw new Error(`the short form is another program: ${before[at]} became ${after[at]}`);
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

const parse = (text, path) => ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);

/** Words that a program can say in fewer bytes: `ABSENT` is a variable that is never given a value. */
const ABSENT = "$absent";
const SHORTER = new Map(Object.entries({ undefined: ABSENT, true: "!0", false: "!1", const: "let" }));

/** Writes a program in few bytes, a statement a line: without the spaces, brackets and words that it can do without. */
function compact(text, shorter = new Map()) {
  let out = "";
  let ended = false;
  const token = (word) => {
    // A line break ends a statement as well as a semicolon does, where the next one does not go on with it.
    if (ended && word !== "}") out += /^[\w$#]/.test(word) && !/^in(stanceof)?$/.test(word) ? "\n" : ";";
    else if (/[\w$#][\w$#]$|\+\+$|--$/.test(out.slice(-1) + word[0])) out += " ";
    else if (/,[)\]}]$/.test(out.slice(-1) + word)) out = out.slice(0, -1);
    ended = false;
    out += word;
  };
  const write = (node) => {
    const { parent, kind } = node;
    if (shorter.has("const") && ts.isVariableStatement(node) && ts.isVariableStatement(before(node) ?? node.parent)) {
      ended = false;
      token(",");
      node.declarationList.getChildren().slice(1).forEach(write);
      ended = true;
    } else if (isLoneStatement(node)) {
      write(node.statements[0]);
    } else if (isEmptyField(node)) {
      node.getChildren().slice(0, -3).forEach(write);
      ended = true;
    } else if (node.getChildCount() > 0) {
      node.getChildren().forEach(write);
    } else if (kind === ts.SyntaxKind.SemicolonToken && !ts.isForStatement(parent)) {
      ended = true;
    } else if (node.getText() !== "" && !isNeedlessParenthesis(node)) {
      token(inShort(node, shorter));
    }
  };
  const source = parse(text, "bundle.ts");
  write(source);
  same(shape(source, shorter), shape(parse(out, "bundle.ts"), shorter));
  return `${out}\n`;
}

/** A token in fewer bytes. */
const inShort = (node, shorter) =>
  ts.isNumericLiteral(node) ? node.getText().replaceAll("_", "") : (shorter.get(node.getText()) ?? node.getText());

/** A field is `undefined` if nothing is said of it. */
const isEmptyField = (node) => ts.isPropertyDeclaration(node) && node.initializer?.getText() === "undefined";

const before = (node) => node.parent.statements[node.parent.statements.indexOf(node) - 1];

/** A block of one statement that can stand without braces, as no `else` behind it can become its own. */
const isLoneStatement = (node) =>
  ts.isBlock(node) &&
  node.statements.length === 1 &&
  [ts.isExpressionStatement, ts.isReturnStatement, ts.isThrowStatement].some((is) => is(node.statements[0])) &&
  [ts.isIfStatement, ts.isForStatement, ts.isForOfStatement].some((is) => is(node.parent));

const isNeedlessParenthesis = ({ kind, parent }) =>
  (kind === ts.SyntaxKind.OpenParenToken || kind === ts.SyntaxKind.CloseParenToken) &&
  ts.isArrowFunction(parent) &&
  parent.parameters.length === 1 &&
  ts.isIdentifier(parent.parameters[0].name) &&
  !parent.parameters[0].initializer &&
  !parent.parameters[0].dotDotDotToken;

/** What a program says, without the liberties that `compact` takes. */
function shape(node, shorter) {
  const short = inShort(node, shorter);
  if ([...shorter.values()].includes(short)) return [short];
  const inner = [];
  ts.forEachChild(node, (child) => {
    if (!isEmptyField(node) || child !== node.initializer) inner.push(...shape(child, shorter));
  });
  if (ts.isVariableStatement(node) || ts.isVariableDeclarationList(node) || isLoneStatement(node)) return inner;
  return [`${node.kind} ${node.operator ?? ""} ${node.getChildCount() === 0 ? short : ""}`, ...inner, "end"];
}

/** What is said first of every member of an interface of options: units and defaults are what its type does not tell. */
const hints = (source) => {
  const found = new Map();
  each(source, ts.isInterfaceDeclaration, ({ name, members }) => {
    if (!name.text.endsWith("Options")) return;
    for (const member of members) {
      const comment = ts.getTextOfJSDocComment(member.jsDoc?.[0]?.comment) ?? "";
      found.set(`${name.text}.${member.name.text}`, comment.split("\n\n")[0].replaceAll("\n", " "));
    }
  });
  return found;
};

/** Puts the hints into compact declarations. */
function explain(text, hints) {
  return text.replaceAll(/(?<=interface (\w+)\{)[^}]*/g, (body, owner) =>
    body.replaceAll(/readonly (\w+)\?:/g, (start, member) => {
      const hint = hints.get(`${owner}.${member}`);
      return hint === undefined ? start : `/** ${hint} */${start}`;
    }),
  );
}

/** The declarations of the bundles, with no other comments: with all of them the package would be half as large again. */
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
  const output = { rootDir: root, outDir: root, emitDeclarationOnly: true, removeComments: true };
  const options = { ...project.options, ...output, noUnusedLocals: false, skipLibCheck: true };
  const program = ts.createProgram([...virtual.keys()], options, host);
  const all = new Map(program.getRootFileNames().flatMap((name) => [...hints(program.getSourceFile(name))]));
  const out = {};
  const emitted = program.emit(undefined, (path, text) => {
    // What is exported from declarations is declared.
    const joined = text.replaceAll(/^export declare /gm, "export ").replaceAll(/(?<=^export const .*);\nexport const /gm, ", ");
    out[relative(root, path)] = explain(compact(joined), all);
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
  .filter(([name]) => !entry.exported.has(theirs(name)))
  .map(([name, typeOnly]) => [theirs(name), typeOnly ? "type" : "value"]);
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
