/** Keeps what is written to stderr during each test of a file, instead of printing it. */
export function keepStderr(): { readonly text: string } {
  const kept = { text: "" };
  let write: typeof process.stderr.write;
  beforeEach(() => {
    kept.text = "";
    write = process.stderr.write;
    process.stderr.write = ((text: string) => {
      kept.text += text;
      return true;
    }) as typeof process.stderr.write;
  });
  afterEach(() => {
    process.stderr.write = write;
  });
  return kept;
}
