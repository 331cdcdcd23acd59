import { readText } from "./docs-files";
import { Program } from "./docs-program";
import { Project } from "./docs-project";

/** The folder of the examples. */
export const EXAMPLES = "docs/examples";

let project: Project;
beforeAll(() => {
  project = new Project();
});
afterAll(() => project.remove());

/** Starts an example, in a project that has the package. */
export function startExample(name: string, args: readonly string[] = [], env: Record<string, string> = {}): Program {
  return startProgram(`examples/${name}.ts`, readText(`${EXAMPLES}/${name}.ts`), args, env);
}

/** Starts a program with this text as one of its files. */
export function startProgram(
  file: string,
  text: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Program {
  return new Program(project.write(file, text), args, env);
}

/** Where the programs lie. */
export function programsDirectory(): string {
  return project.directory;
}
