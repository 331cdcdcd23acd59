import * as httpCode from "../../lib/http/status";
import { codeToString, Http404, Http418, is1xx, is2xx, is3xx, is4xx, is5xx, reasonPhrase } from "../../lib/http/status";

// The phrases of Nim's httpcore.nim, `$`(code: HttpCode).
const nimCodes: [code: number, phrase: string][] = [
  [100, "Continue"],
  [101, "Switching Protocols"],
  [102, "Processing"],
  [103, "Early Hints"],
  [200, "OK"],
  [201, "Created"],
  [202, "Accepted"],
  [203, "Non-Authoritative Information"],
  [204, "No Content"],
  [205, "Reset Content"],
  [206, "Partial Content"],
  [207, "Multi-Status"],
  [208, "Already Reported"],
  [226, "IM Used"],
  [300, "Multiple Choices"],
  [301, "Moved Permanently"],
  [302, "Found"],
  [303, "See Other"],
  [304, "Not Modified"],
  [305, "Use Proxy"],
  [307, "Temporary Redirect"],
  [308, "Permanent Redirect"],
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [402, "Payment Required"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [406, "Not Acceptable"],
  [407, "Proxy Authentication Required"],
  [408, "Request Timeout"],
  [409, "Conflict"],
  [410, "Gone"],
  [411, "Length Required"],
  [412, "Precondition Failed"],
  [413, "Request Entity Too Large"],
  [414, "Request-URI Too Long"],
  [415, "Unsupported Media Type"],
  [416, "Requested Range Not Satisfiable"],
  [417, "Expectation Failed"],
  [418, "I'm a teapot"],
  [421, "Misdirected Request"],
  [422, "Unprocessable Entity"],
  [423, "Locked"],
  [424, "Failed Dependency"],
  [425, "Too Early"],
  [426, "Upgrade Required"],
  [428, "Precondition Required"],
  [429, "Too Many Requests"],
  [431, "Request Header Fields Too Large"],
  [451, "Unavailable For Legal Reasons"],
  [500, "Internal Server Error"],
  [501, "Not Implemented"],
  [502, "Bad Gateway"],
  [503, "Service Unavailable"],
  [504, "Gateway Timeout"],
  [505, "HTTP Version Not Supported"],
  [506, "Variant Also Negotiates"],
  [507, "Insufficient Storage"],
  [508, "Loop Detected"],
  [510, "Not Extended"],
  [511, "Network Authentication Required"],
];

describe("the constants", () => {
  const constants = Object.entries(httpCode).filter(([name]) => /^Http\d/.test(name));

  test("are those of Nim's httpcore, each a plain number", () => {
    expect(constants).toEqual(nimCodes.map(([code]) => [`Http${code}`, code]));
  });

  test("have literal types, so that they narrow", () => {
    const code: 404 = Http404;
    expect(code).toBe(404);
  });

  test.each(nimCodes)("%i has Nim's phrase: %s", (code, phrase) => {
    expect(reasonPhrase(code)).toBe(phrase);
    expect(codeToString(code)).toBe(`${code} ${phrase}`);
  });
});

test.each([-1, 0, 99, 104, 199, 299, 306, 404.5, 419, 509, 512, 599, 600, 1e9, NaN, Infinity])(
  "%p has no phrase",
  (code) => {
    expect(reasonPhrase(code)).toBe("");
    expect(codeToString(code)).toBe(String(code));
  },
);

test.each([
  ["is1xx", is1xx, 100, 199],
  ["is2xx", is2xx, 200, 299],
  ["is3xx", is3xx, 300, 399],
  ["is4xx", is4xx, 400, 499],
  ["is5xx", is5xx, 500, 599],
])("%s holds on its first and last code, and not next to them", (_name, isKind, first, last) => {
  expect([first - 1, first, last, last + 1].map(isKind)).toEqual([false, true, true, false]);
});

test("thttpcore.nim, HttpCode", () => {
  expect(codeToString(Http418)).toBe("418 I'm a teapot");
  expect(is4xx(Http418)).toBe(true);
  expect(is2xx(Http418)).toBe(false);
});
