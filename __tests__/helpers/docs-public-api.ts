import { join } from "node:path";
import * as ts from "typescript";
import { ROOT } from "./docs-files";
import { exportsOf } from "./docs-types";

/** One exported name: what a user's compiler sees of it. */
export interface PublicName {
  readonly name: string;
  /** Its declarations, without comments and private parts. */
  readonly text: string;
  /** The names of its members, if it is a class or an interface. */
  readonly members: readonly string[];
}

/** The public names of each entry, in the order of their letters, as the build declares them. */
export function publicNames(...entries: readonly string[]): PublicName[][] {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(ROOT, "tsconfig.json"), (path) => ts.sys.readFile(path)).config,
    ts.sys,
    ROOT,
  );
  const wanted = { ...options, declaration: true, emitDeclarationOnly: true, removeComments: true };
  const program = ts.createProgram(
    entries.map((entry) => join(ROOT, entry)),
    wanted,
  );
  const emitted = new Map<string, ts.SourceFile>();
  const keep: ts.WriteFileCallback = (path, text, _mark, _onError, sources) =>
    void emitted.set(sources![0]!.fileName, ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  program.emit(undefined, keep, undefined, true);
  return entries.map((entry) =>
    Array.from(exportsOf(program, entry), ([name, [first]]) => {
      const { statements } = emitted.get(first!.getSourceFile().fileName)!;
      const own = statements.filter((statement) => namesOf(statement).includes(name));
      return { name, text: own.map(textOf).join("\n"), members: [...new Set(own.flatMap(membersOf))] };
    }),
  );
}

function namesOf(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map((declaration) => declaration.name.getText());
  }
  return "name" in statement ? [(statement.name as ts.Identifier).text] : [];
}

function membersOf(statement: ts.Statement): string[] {
  if (!ts.isClassDeclaration(statement) && !ts.isInterfaceDeclaration(statement)) return [];
  return statement.members.flatMap((member) => {
    const name = ts.isConstructorDeclaration(member) ? "constructor" : member.name!.getText();
    return name.startsWith("#") ? [] : [name];
  });
}

function textOf(statement: ts.Statement): string {
  return statement
    .getText()
    .replace(/^export (?:declare )?/, "")
    .replace(/^ *#private;\n/m, "");
}
