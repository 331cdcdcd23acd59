/**
 * What tests need beyond Nim: a server for each test (`use-test-server`), or one that is up at once and never keeps the
 * test runner alive (`test-server`), responses that go wrong (`faults`), and a certificate (`certificate`).
 */
export { testCertificate } from "./certificate";
export {
  delay,
  delayed,
  dropConnection,
  readBytes,
  resetConnection,
  respondGarbage,
  throttled,
  truncated,
} from "./faults";
export { startTestServer, type TestServer } from "./test-server";
export { useTestServer, type TestHooks, type UseTestServerOptions } from "./use-test-server";
