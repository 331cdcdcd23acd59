/**
 * A request method: one of Nim's nine, or any other that Node parses, such as WebDAV's `PROPFIND`.
 *
 * A plain string in upper case, so that it compares with `===` and fits a `switch`.
 *
 * Differs from Nim: there it is an enumeration of the nine, and a request with another method gets 400.
 *
 * @example
 * import { HttpGet, HttpPost, type HttpMethod } from "asynchttpserver";
 * import assert from "node:assert";
 *
 * const readers: HttpMethod[] = [HttpGet, "PROPFIND"];
 * assert.equal(readers.includes(HttpPost), false);
 *
 * @see Nim's `httpcore.HttpMethod`, RFC 9110 9
 */
export type HttpMethod =
  | typeof HttpHead
  | typeof HttpGet
  | typeof HttpPost
  | typeof HttpPut
  | typeof HttpDelete
  | typeof HttpTrace
  | typeof HttpOptions
  | typeof HttpConnect
  | typeof HttpPatch
  // Any string, without losing the nine to an editor's completion.
  | (string & {});

/** HEAD: the response that GET would get, without its content. RFC 9110 9.3.2. */
export const HttpHead = "HEAD";
/** GET: asks for the resource. RFC 9110 9.3.1. */
export const HttpGet = "GET";
/** POST: hands the content over to the resource. RFC 9110 9.3.3. */
export const HttpPost = "POST";
/** PUT: stores the content as the resource. RFC 9110 9.3.4. */
export const HttpPut = "PUT";
/** DELETE: removes the resource. RFC 9110 9.3.5. */
export const HttpDelete = "DELETE";
/** TRACE: asks for the request as it arrived. RFC 9110 9.3.8. */
export const HttpTrace = "TRACE";
/** OPTIONS: asks what may be done with the resource, or with the server (`*`). RFC 9110 9.3.7. */
export const HttpOptions = "OPTIONS";
/** CONNECT: asks for a tunnel. RFC 9110 9.3.6. */
export const HttpConnect = "CONNECT";
/** PATCH: changes a part of the resource. RFC 5789. */
export const HttpPatch = "PATCH";
