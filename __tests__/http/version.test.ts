import { httpNewLine, HttpVer10, HttpVer11, isHttpVersion } from "../../lib/http/version";

test.each([
  { orig: "HTTP/1.1", major: 1, minor: 1, is11: true, is10: false },
  { orig: "HTTP/1.0", major: 1, minor: 0, is11: false, is10: true },
  { orig: "http/1.1", major: 1, minor: 1, is11: true, is10: false },
  { orig: "HTTP/1.2", major: 1, minor: 2, is11: false, is10: false },
  { orig: "HTTP/0.9", major: 0, minor: 9, is11: false, is10: false },
  { orig: "HTTP/2.0", major: 2, minor: 0, is11: false, is10: false },
  { orig: "HTTP/2.1", major: 2, minor: 1, is11: false, is10: false },
  { orig: "HTTP/11.1", major: 11, minor: 1, is11: false, is10: false },
])("$orig: HTTP/1.1 $is11, HTTP/1.0 $is10", ({ is11, is10, ...protocol }) => {
  expect(isHttpVersion(protocol, HttpVer11)).toBe(is11);
  expect(isHttpVersion(protocol, HttpVer10)).toBe(is10);
});

test("httpNewLine is CR LF", () => {
  expect(Buffer.from(httpNewLine)).toEqual(Buffer.of(13, 10));
});
