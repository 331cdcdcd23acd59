/**
 * The states of a connection, of a request and of its response, and for each what may follow it.
 *
 * `__tests__/wire/states.test.ts` has these tables as rows. A move that a table does not list does not happen: the first
 * response of a request wins, and what has ended stays ended.
 */
export type Follows<State extends string> = { readonly [state in State]: readonly State[] };

/**
 * - `open`: requests are taken.
 * - `last-request`: nothing that still comes in is a request (RFC 9112 9.6); those before it get their responses.
 * - `lingering`: the last response is out; what the client still sends is discarded, so that it can read that response.
 * - `switched`: the socket belongs to a handler, or to another listener, after an upgrade or CONNECT.
 */
export type ConnectionState = "open" | "last-request" | "lingering" | "switched" | "closed";

export const CONNECTION: Follows<ConnectionState> = {
  open: ["last-request", "lingering", "switched", "closed"],
  "last-request": ["lingering", "switched", "closed"],
  lingering: ["closed"],
  switched: ["closed"],
  closed: [],
};

/**
 * - `awaiting-continue`: the client holds the body back until it reads `100 Continue` (RFC 9110 10.1.1).
 * - `receiving`: the body is on its way.
 * - `refused`: the response is an error of the library.
 * - `left`: another listener of `server.node` reads a body that is longer than `maxBody`: the request is theirs.
 */
export type RequestState = "awaiting-continue" | "receiving" | "complete" | "refused" | "left";

export const REQUEST: Follows<RequestState> = {
  "awaiting-continue": ["receiving", "complete", "refused"],
  receiving: ["complete", "refused", "left"],
  complete: [],
  refused: [],
  left: [],
};

/**
 * Where the bytes of a request body go.
 *
 * - `gathering`: into one buffer, up to `maxBody`.
 * - `kept`: they stay here until a handler decides how to read them.
 * - `flowing`: into Node's stream, at the pace of its reader. What nobody has read of it, `readBody` can still gather.
 */
export type BodyDestination = "kept" | "gathering" | "flowing";

export const BODY: Follows<BodyDestination> = {
  kept: ["gathering", "flowing"],
  gathering: [],
  flowing: ["gathering"],
};

/**
 * - `starting`: a source of content is asked for its first chunk, and no byte is on the wire yet.
 * - `head-sent`: status line and header fields are out, by `sendHeaders`.
 * - `ended`: the whole response was handed to Node.
 * - `ended-by-others`: the same, by another listener of `server.node`.
 * - `dismissed`: the same, by the server as it closed; the handler's own response, if it still comes, is dropped.
 * - `aborted`: the client disconnected, or the connection was cut, before that.
 */
export type ResponseState =
  "none" | "starting" | "head-sent" | "streaming" | "ended" | "ended-by-others" | "dismissed" | "switched" | "aborted";

export const RESPONSE: Follows<ResponseState> = {
  none: ["starting", "head-sent", "streaming", "ended", "ended-by-others", "dismissed", "switched", "aborted"],
  // A source that fails before its first chunk leaves room for a 500.
  starting: ["none", "streaming", "ended", "ended-by-others", "aborted"],
  "head-sent": ["streaming", "ended", "ended-by-others", "aborted"],
  streaming: ["ended", "ended-by-others", "aborted"],
  ended: [],
  "ended-by-others": [],
  dismissed: [],
  switched: [],
  aborted: [],
};
