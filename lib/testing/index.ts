/**
 * What tests need beyond Nim: a server that is up at once and never keeps the test runner alive (`test-server`), answers
 * that go wrong (`faults`), and a certificate (`certificate`).
 */
export { testCertificate } from "./certificate";
export { delay, delayed, dropConnection, resetConnection, respondGarbage, throttled, truncated } from "./faults";
export { startTestServer, type TestServer } from "./test-server";
