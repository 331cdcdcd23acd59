/**
 * Nim's `asynchttpserver` for Node.
 *
 * `async-http-server` is the server, `request` what it hands out; `http/` is the vocabulary, which knows nothing of sockets.
 */
export { AsyncHttpServer, newAsyncHttpServer } from "./async-http-server";
export type { AsyncHttpServerOptions, CloseOptions, WaitOptions } from "./options";
export { Request, type RequestCallback } from "./request";
export type { Content } from "./wire/response-body";
export type { ErrorCode } from "./errors";
export { nimMaxDescriptorsFallback } from "./server/file-descriptors";
export * from "./http/status";
export {
  headerLimit,
  HttpHeaders,
  HttpHeaderValues,
  newHttpHeaders,
  type HeadersInit,
  type HeaderValue,
} from "./http/headers";
export * from "./http/method";
export * from "./http/version";
export { parseUri, Uri } from "./http/uri";
