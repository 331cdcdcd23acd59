import { withCode } from "../errors";
import { HttpHeaders } from "./headers";

/** The parts of a fetch `Response`. @internal */
export interface ResponseParts {
  readonly code: number;
  /** The reason phrase, or `undefined` for that of the status. */
  readonly reason: string | undefined;
  readonly headers: HttpHeaders;
  readonly content: AsyncIterable<Uint8Array> | "";
}

/** RFC 9110 7.6.1: what belongs to the connection on which a response came, not to the response. */
const HOP_BY_HOP = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];
/** The content codings that Node's fetch has undone by the time its `Response` is there, if it knows all of a response. */
const DECODED = ["gzip", "x-gzip", "deflate", "br"];
// Since undici 7, which is in Node 24.
if (Number(process.versions.undici?.split(".")[0]) >= 7) DECODED.push("zstd");

/** Is this a fetch `Response`? Told by what it has: a test environment or undici may have a class of its own. @internal */
export function isResponse(value: unknown): value is Response {
  const { status, headers } = (value ?? {}) as Partial<Response>;
  return typeof status === "number" && typeof headers?.[Symbol.iterator] === "function";
}

/**
 * Takes a fetch `Response` apart.
 *
 * @throws TypeError `ERR_INVALID_ARGUMENT` for one that cannot be sent
 *
 * @internal
 */
export function takeResponse(response: Response): ResponseParts {
  const { status: code, statusText, body, bodyUsed } = response;
  if (code === 0) throw invalid("Response.error() and opaque responses have no status, so they cannot be sent");
  if (bodyUsed || body?.locked === true) {
    throw invalid(
      "the body of this Response was read already, or is being read: make a new Response, or read a clone()",
    );
  }
  const headers = new HttpHeaders(response.headers);
  // A response that came over the network: fetch has taken its content out of its framing and out of its codings.
  if (response.url !== "") {
    const listed = headers.values("connection").elements();
    for (const name of [...HOP_BY_HOP, ...listed]) headers.del(name);
    const codings = headers.values("content-encoding").elements();
    if (codings.length > 0 && codings.every((coding) => DECODED.includes(coding.toLowerCase()))) {
      headers.del("content-encoding");
      headers.del("content-length");
    }
  }
  return { code, reason: statusText === "" ? undefined : statusText, headers, content: contentOf(response) };
}

function contentOf(response: Response): ResponseParts["content"] {
  if (response.body === null) return "";
  // A polyfill, as in jsdom, may have no stream.
  return (response.body as AsyncIterable<Uint8Array> | undefined) ?? wholeOf(response);
}

async function* wholeOf(response: Response): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(await response.arrayBuffer());
}

function invalid(problem: string): TypeError {
  return withCode("ERR_INVALID_ARGUMENT", new TypeError(problem));
}
