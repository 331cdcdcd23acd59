import { execFile, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Block, BlockKind } from "./docs-blocks";
import { readText, ROOT } from "./docs-files";
import { Project } from "./docs-project";

/** What became of each block, by its name: `undefined` if all went well. */
export type Outcomes = Map<string, string | undefined>;

/** Runs blocks as their readers would: in a project that has the package installed. */
export async function run(blocks: readonly Block[]): Promise<Outcomes> {
  const project = new Project();
  try {
    const runner = project.write("runner.mts", readText("__tests__/helpers/docs-runner.mts"));
    const of = (...kinds: BlockKind[]): Map<string, Block> =>
      new Map(blocks.filter(({ kind }) => kinds.includes(kind)).map((block) => [writeBlock(project, block), block]));
    const modules = runInNode(runner, "module", of("module"));
    const programs = [...of("program")].map((program) => runInNode(runner, "program", new Map([program])));
    const tests = runInJest(project.directory, of("test", "test body"));
    const outcomes = await Promise.all([modules, ...programs, tests]);
    return new Map(outcomes.flatMap((map) => [...map]));
  } finally {
    project.remove();
  }
}

/** Empty lines in front, so that stacks name the line of the document. */
export function sourceOf(block: Block): string {
  return `${"\n".repeat(block.line - 1)}${block.code}\n`;
}

function writeBlock(project: Project, block: Block): string {
  const name = `${block.file}.${block.line}`;
  if (block.kind === "test") return project.write(`${name}.test.${block.language}`, sourceOf(block));
  if (block.kind === "test body") return project.write(`${name}.test.ts`, testOf(block));
  return project.write(`${name}.mts`, sourceOf(block));
}

/** The imports of a test's body go to the first line, and the test begins where they were. */
function testOf(block: Block): string {
  const imports: string[] = [];
  const body = sourceOf(block).replaceAll(/^import[^;]*;$/gm, (text) => {
    imports.push(text.replaceAll("\n", " "));
    return text.replaceAll(/[^\n]/g, "");
  });
  return `${imports.join(" ")} test(${JSON.stringify(block.name)}, async () => {${body}});\n`;
}

/** One process runs all blocks, unless one of them fails: then the next process goes on behind it. */
async function runInNode(runner: string, kind: BlockKind, blocks: ReadonlyMap<string, Block>): Promise<Outcomes> {
  const outcomes: Outcomes = new Map();
  let left = [...blocks.keys()];
  while (left.length > 0) {
    const child = fork(runner, [kind, ...left], { stdio: ["ignore", "pipe", "pipe", "ipc"], execArgv: [] });
    let done = 0;
    child.on("message", ({ path, problem }: { path: string; problem?: string }) => {
      outcomes.set(blocks.get(path)!.name, problem);
      done++;
    });
    // Read and dropped: what a block prints is for its reader.
    child.stdout!.resume();
    child.stderr!.resume();
    await new Promise((resolve) => child.once("close", resolve));
    if (done === 0) outcomes.set(blocks.get(left[0]!)!.name, "it has ended the process");
    left = left.slice(Math.max(done, 1));
  }
  return outcomes;
}

async function runInJest(directory: string, blocks: ReadonlyMap<string, Block>): Promise<Outcomes> {
  const outcomes: Outcomes = new Map();
  if (blocks.size === 0) return outcomes;
  const config = { rootDir: directory, testMatch: ["**/*.test.js"], transform: {} };
  const report = join(directory, "jest.json");
  const jest = join(ROOT, "node_modules/jest/bin/jest.js");
  const args = [jest, "--runInBand", "--config", JSON.stringify(config), "--ci", "--json", `--outputFile=${report}`];
  await new Promise((resolve) => execFile(process.execPath, args, { cwd: directory }, resolve));
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as {
    testResults: { name: string; status: string; message: string }[];
  };
  for (const { name } of blocks.values()) outcomes.set(name, "Jest has not found it");
  for (const { name, status, message } of testResults) {
    outcomes.set(blocks.get(name)!.name, status === "passed" ? undefined : message);
  }
  return outcomes;
}
