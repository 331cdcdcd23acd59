import type { URLSearchParams } from "node:url";
import { shortened, withCode, withoutFrames } from "./errors";
import { url, vm } from "./node";
import type { Request } from "./request";

/** How much of a body an error shows, in characters. */
const SHOWN = 60;

const URLENCODED = "application/x-www-form-urlencoded";
const MULTIPART = "multipart/form-data";

/** @throws SyntaxError `ERR_BODY_NOT_JSON` @internal */
export function parseJson(request: Request): unknown {
  const { body } = request;
  try {
    // RFC 8259 8.1: a parser may ignore a byte order mark, and .NET and PowerShell send one.
    return JSON.parse(body.charCodeAt(0) === 0xfeff ? body.slice(1) : body);
  } catch (cause) {
    const reason = codingOf(request) ?? charsetOf(request) ?? formOf(request);
    const problem = `${reason === undefined ? "" : `${reason}; `}${startOf(body)} (${(cause as Error).message})`;
    const message = `the body of ${request} is not JSON: ${problem}`;
    throw withCode("ERR_BODY_NOT_JSON", new SyntaxError(message, { cause: withoutFrames(cause) }));
  }
}

/** @throws TypeError `ERR_BODY_NOT_FORM` @internal */
export function parseForm(request: Request): URLSearchParams {
  if (request.rawBody.length > 0) checkForm(request, [URLENCODED]);
  return new url.URLSearchParams(request.body);
}

/** @throws TypeError `ERR_BODY_NOT_FORM` @internal */
export async function parseFormData(request: Request): Promise<FormData> {
  const { rawBody, headers } = request;
  if (rawBody.length > 0) checkForm(request, [MULTIPART, URLENCODED]);
  const contentType = headers.getOrDefault("content-type", URLENCODED);
  // Node's own, also where a test environment has none or another one.
  const NodeResponse = vm.runInThisContext("Response") as typeof Response;
  try {
    if (!isType(contentType, MULTIPART))
      return await new NodeResponse(rawBody, { headers: { "content-type": URLENCODED } }).formData();
    const boundary = `----asynchttpserver${String(Math.random()).slice(2)}`;
    const body = plainParts(rawBody, parameterOf(contentType, "boundary") ?? "", boundary);
    return await new NodeResponse(body, {
      headers: { "content-type": `${MULTIPART}; boundary=${boundary}` },
    }).formData();
  } catch (cause) {
    throw notForm(request, `it cannot be parsed as ${JSON.stringify(contentType)}`, cause);
  }
}

function checkForm(request: Request, types: readonly string[]): void {
  const coding = codingOf(request);
  if (coding !== undefined) throw notForm(request, coding);
  const type = request.headers.get("content-type");
  if (type === null) {
    throw notForm(request, "it has no Content-Type (if it is a form all the same: new URLSearchParams(request.body))");
  }
  if (types.some((each) => isType(type, each))) return;
  const remedy = isType(type, MULTIPART)
    ? "use formData()"
    : /\bjson\b/i.test(type)
      ? "use json()"
      : "use body or rawBody";
  throw notForm(request, `its Content-Type is ${JSON.stringify(type)}, not ${types.join(" or ")}: ${remedy}`);
}

function notForm(request: Request, problem: string, cause?: unknown): TypeError {
  const message = `the body of ${request} is not a form: ${problem}; ${startOf(request.body)}`;
  return withCode("ERR_BODY_NOT_FORM", new TypeError(message, cause === undefined ? {} : { cause }));
}

/** Is it a form that was sent? */
function formOf({ headers }: Request): string | undefined {
  const type = headers.getOrDefault("content-type");
  if (isType(type, URLENCODED)) return `its Content-Type is ${JSON.stringify(type)}: use form()`;
  return isType(type, MULTIPART) ? `its Content-Type is ${JSON.stringify(type)}: use formData()` : undefined;
}

/** Says how a body starts. */
function startOf(body: string): string {
  if (body === "") return "it is empty";
  return `it starts ${JSON.stringify(shortened(body, SHOWN))}`;
}

/** RFC 9110 8.4: is the body in a coding that has to be undone first? */
function codingOf({ headers }: Request): string | undefined {
  const coding = headers.getOrDefault("content-encoding", "identity");
  if (coding.toLowerCase() === "identity") return undefined;
  return `its Content-Encoding is ${JSON.stringify(coding)}: decompress rawBody first, with node:zlib`;
}

/** Is the body in another charset than UTF-8? */
function charsetOf({ headers, rawBody }: Request): string | undefined {
  const named = parameterOf(headers.getOrDefault("content-type"), "charset");
  if (named !== undefined && !/^(?:utf-?8|us-ascii)$/i.test(named)) {
    return `its charset is ${JSON.stringify(named)}: decode rawBody first`;
  }
  const [first, second] = rawBody;
  const isUtf16 =
    (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff) || first === 0 || second === 0;
  return isUtf16 ? "it looks like UTF-16: decode rawBody first" : undefined;
}

/** RFC 9110 8.3.1: is this the media type, whatever its parameters? */
function isType(contentType: string, type: string): boolean {
  return contentType.split(";", 1)[0]!.trim().toLowerCase() === type;
}

/** RFC 9110 5.6.6: a parameter's value, without the quotes. */
function parameterOf(text: string, name: string): string | undefined {
  return parametersOf(text).find(([each]) => each === name)?.[1];
}

function parametersOf(text: string): [name: string, value: string][] {
  // A quote ends with the next one, as browsers write it: a backslash in front of that is a part of a file's name.
  const found = text.matchAll(/;[ \t]*([^\s=;"]+)=(?:"([^"]*)"|([^\s;]*))/g);
  return Array.from(found, ([, name, quoted, token]) => [name!.toLowerCase(), quoted ?? token!]);
}

/**
 * Writes a multipart body as browsers do: each part's Content-Disposition with quotes, nothing around the parts.
 *
 * Up to Node 22 its parser knows no other: .NET, among others, leaves the quotes away and adds a `filename*`. All
 * versions mistake a boundary within a content for a delimiter, though there are no dashes in front: hence a long one.
 */
function plainParts(body: Buffer, boundary: string, longBoundary: string): Buffer {
  const delimiter = new RegExp(`(?:^|\\r\\n)--${boundary.replace(/[^0-9A-Za-z]/g, "\\$&")}`);
  let plain = "";
  // RFC 2046 5.1.1: what stands before the first delimiter and behind the last is ignored, as is padding behind each.
  for (const part of body.toString("latin1").split(delimiter).slice(1)) {
    if (part.startsWith("--")) {
      plain += `--${longBoundary}--\r\n`;
      break;
    }
    const end = part.indexOf("\r\n\r\n");
    const head = part
      .slice(0, end)
      .replace(/^[ \t]+/, "")
      .replace(/^content-disposition:(.*)$/im, plainDisposition);
    plain += `--${longBoundary}${head}${part.slice(end)}\r\n`;
  }
  return Buffer.from(plain, "latin1");
}

function plainDisposition(_line: string, disposition: string): string {
  const parameters = new Map(parametersOf(disposition));
  const extended = parameters.get("filename*")?.replace(/^"|"$/g, "").split("'");
  // RFC 8187 3.2: a charset, a language, and the percent-encoded name.
  if (extended?.length === 3) {
    const name = extended[2]!.replace(/%([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
    parameters.set("filename", name);
  }
  let plain = `Content-Disposition: ${disposition.split(";", 1)[0]!.trim().toLowerCase()}`;
  for (const name of ["name", "filename"]) {
    const value = parameters.get(name);
    if (value !== undefined) plain += `; ${name}="${value.replace(/"/g, "%22")}"`;
  }
  return plain;
}
