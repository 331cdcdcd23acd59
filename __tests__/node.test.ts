describe("a runtime that is too old", () => {
  const { getBuiltinModule, version } = process;

  afterEach(() => {
    Object.assign(process, { getBuiltinModule });
    Object.defineProperty(process, "version", { configurable: true, value: version });
  });

  test.each([["../lib/index"], ["../lib/testing"]])("%s says so when it is loaded", (entry) => {
    Object.assign(process, { getBuiltinModule: undefined });
    Object.defineProperty(process, "version", { configurable: true, value: "v20.10.0" });
    const message = "asynchttpserver needs Node 20.16, 22.3 or later; this is v20.10.0";
    jest.isolateModules(() => {
      expect(() => require(entry) as unknown).toThrow(expect.objectContaining({ message, code: "ERR_UNSUPPORTED" }));
    });
  });
});
