import { readOptions } from "./options.js";

const known = ["get-serve", "get-loop", "start"];

test("without arguments all cases run, ten seconds each", () => {
  expect(readOptions([], known)).toEqual({ names: known, seconds: 10, save: false, against: undefined });
});

test("cases run in their own order, whatever the order they are asked for in", () => {
  expect(readOptions(["start", "get-serve", "--seconds=2.5", "--against=HEAD~1"], known)).toEqual({
    names: ["get-serve", "start"],
    seconds: 2.5,
    save: false,
    against: "HEAD~1",
  });
});

test.each([
  [["get", "start", "stop"], "no case is called get, stop; there are get-serve, get-loop, start"],
  [["--seconds=0"], '--seconds takes a number above 0, such as --seconds=60, not "0"'],
  [["--seconds=ten"], '--seconds takes a number above 0, such as --seconds=60, not "ten"'],
  [["--seconds=Infinity"], '--seconds takes a number above 0, such as --seconds=60, not "Infinity"'],
  [["--against="], "--against takes a commit, a branch or a tag, such as --against=HEAD~1"],
  [["--against"], "Option '--against <value>' argument missing"],
  [["--save", "--against=v1"], "--save and --against do not go together: the page compares with bare node:http only"],
  [["--rounds=3"], "Unknown option '--rounds'"],
])("%j is an error that says what to write", (args, message) => {
  expect(() => readOptions(args, known)).toThrow(message);
});
