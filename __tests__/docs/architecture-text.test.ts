import { existsSync } from "node:fs";
import { join } from "node:path";
import { mayFollow, type ServerState } from "../../lib/server/state";
import { BODY, CONNECTION, REQUEST, RESPONSE, type Follows } from "../../lib/wire/states";
import { readText, ROOT } from "../helpers/docs-files";

const text = readText("docs/architecture.md");

test("docs/architecture.md names functions that are in the files that it names", () => {
  const named = [...text.matchAll(/`#?(\w+)`\s+in\s+`([a-z]+\/[a-z-]+|async-http-server)`/g)];
  expect(named.length).toBeGreaterThan(30);
  const missing = named.filter(([, name, file]) => {
    const path = `lib/${file}.ts`;
    return !existsSync(join(ROOT, path)) || !new RegExp(`\\b${name}\\b`).test(readText(path));
  });
  expect(missing.map(([all]) => all)).toEqual([]);
});

const serverStates = ["idle", "listening", "draining", "closed"] as const;
const SERVER: Follows<ServerState> = Object.fromEntries(
  serverStates.map((state) => [state, serverStates.filter((next) => mayFollow(state, next))]),
) as unknown as Follows<ServerState>;

test.each<[string, Readonly<Record<string, readonly string[]>>]>([
  ["Connection", CONNECTION],
  ["Request", REQUEST],
  ["Body", BODY],
  ["Response", RESPONSE],
  ["Server", SERVER],
])("docs/architecture.md has the states of a %s", (title, follows) => {
  const table = text.slice(text.indexOf(`**${title}**`)).split("\n\n")[1]!;
  const rows = table
    .split("\n")
    .slice(2)
    .map((row) => row.split("|").map((cell) => cell.trim()));
  const shown = rows.map(([, state, next]) => [namesIn(state!)[0], namesIn(next!)]);
  expect(shown.map(([state, next]) => [state, [...(next as string[])].sort()])).toEqual(
    Object.entries(follows).map(([state, next]) => [state, [...next].sort()]),
  );
});

function namesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
}
