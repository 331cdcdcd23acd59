import { parseRequestTarget, parseUri, type Uri } from "../../lib/http/uri";
import { noUrl } from "../helpers/parity-app";

type Parts = Partial<Omit<Uri, "toString">>;

const noParts = { ...noUrl, isIpv6: false };

function expectParts(uri: Uri, text: string, parts: Parts): void {
  expect({ ...uri }).toEqual({ ...noParts, ...parts });
  expect(String(uri)).toBe(text);
}

describe("parseUri", () => {
  test.each<[text: string, parts: Parts]>([
    [
      "udp://[2001:0db8:85a3:0000:0000:8a2e:0370:7334]:8080",
      { scheme: "udp", hostname: "2001:0db8:85a3:0000:0000:8a2e:0370:7334", port: "8080", isIpv6: true },
    ],
    ["http://localhost", { scheme: "http", hostname: "localhost" }],
    ["http://localhost/", { scheme: "http", hostname: "localhost", path: "/" }],
    ["http://localhost:8080/test", { scheme: "http", hostname: "localhost", port: "8080", path: "/test" }],
    [
      "foo://username:password@example.com:8042/over/there/index.dtb?type=animal&name=narwhal#nose",
      {
        scheme: "foo",
        username: "username",
        password: "password",
        hostname: "example.com",
        port: "8042",
        path: "/over/there/index.dtb",
        query: "type=animal&name=narwhal",
        anchor: "nose",
      },
    ],
    [
      "foo://[::1]:1234/bar?baz=true&qux#quux",
      {
        scheme: "foo",
        hostname: "::1",
        port: "1234",
        path: "/bar",
        query: "baz=true&qux",
        anchor: "quux",
        isIpv6: true,
      },
    ],
    ["urn:example:animal:ferret:nose", { scheme: "urn", path: "example:animal:ferret:nose", opaque: true }],
    [
      "mailto:username@example.com?subject=Topic",
      { scheme: "mailto", username: "username", hostname: "example.com", query: "subject=Topic", opaque: true },
    ],
    [
      "magnet:?xt=urn:sha1:72hsga62ba515sbd62&dn=foobar",
      { scheme: "magnet", query: "xt=urn:sha1:72hsga62ba515sbd62&dn=foobar", opaque: true },
    ],
    ["/test/foo/bar?q=2#asdf", { path: "/test/foo/bar", query: "q=2", anchor: "asdf" }],
    ["test/no/slash", { path: "test/no/slash" }],
    ["//git@github.com:dom96/packages", { username: "git", hostname: "github.com", port: "dom96", path: "/packages" }],
    ["file:///foo/bar/baz.txt", { scheme: "file", path: "/foo/bar/baz.txt" }],
    ["file:/dir/file", { scheme: "file", path: "/dir/file", opaque: true }],
    ["./", { path: "./" }],
    ["./path", { path: "./path" }],
    ["a/path", { path: "a/path" }],
  ])("turi.nim: %s", (text, parts) => {
    expectParts(parseUri(text), text, parts);
  });

  // Rows that turi.nim does not have; they follow from the code of uri.nim.
  test.each<[why: string, text: string, parts: Parts]>([
    ["nothing", "", {}],
    ["only a path", "/", { path: "/" }],
    ["an empty query", "/p?", { path: "/p" }],
    ["an empty anchor", "/p#", { path: "/p" }],
    ["only a query", "?a=b", { query: "a=b" }],
    ["only an anchor", "#a?b", { anchor: "a?b" }],
    ["a second question mark", "/p?a?b", { path: "/p", query: "a?b" }],
    ["a second hash", "/p#a#b", { path: "/p", anchor: "a#b" }],
    ["a question mark in the anchor", "/p#a?b", { path: "/p", anchor: "a?b" }],
    ["a lone colon", ":", { opaque: true }],
    ["a colon behind a slash", "/a:b", { path: "/a:b" }],
    ["a colon behind what no scheme has", "a_b://h", { path: "a_b://h" }],
    ["a scheme with all its characters", "a1+-.:x", { scheme: "a1+-.", path: "x", opaque: true }],
    ["one slash behind the scheme", "foo:/p", { scheme: "foo", path: "/p", opaque: true }],
    ["an authority without scheme", "//h", { hostname: "h" }],
    ["an empty authority", "//", {}],
    ["an authority that a query ends", "foo://h?q", { scheme: "foo", hostname: "h", query: "q" }],
    ["an authority that an anchor ends", "foo://h#a", { scheme: "foo", hostname: "h", anchor: "a" }],
    ["an empty port", "foo://h:/", { scheme: "foo", hostname: "h", path: "/" }],
    ["two colons", "foo://h:1:2", { scheme: "foo", hostname: "h", port: "12" }],
    ["brackets in the port", "foo://h:[1:2]", { scheme: "foo", hostname: "h:", port: "12", isIpv6: true }],
    ["a user without password", "foo://u@h", { scheme: "foo", username: "u", hostname: "h" }],
    ["two at signs", "foo://a:b@c:d@h:1", { scheme: "foo", username: "c", password: "d", hostname: "h", port: "1" }],
    [
      "a user before IPv6",
      "foo://u:p@[::1]",
      { scheme: "foo", username: "u", password: "p", hostname: "::1", isIpv6: true },
    ],
    ["mailto in capitals", "MAILTO:u@h", { scheme: "MAILTO", username: "u", hostname: "h", opaque: true }],
    ["a scheme that starts like mailto", "mailtox:u@h", { scheme: "mailtox", path: "u@h", opaque: true }],
    ["mailto with an authority", "mailto://h/p", { scheme: "mailto", hostname: "h/p" }],
    ["percent signs", "/%41%2F?%20+#%", { path: "/%41%2F", query: "%20+", anchor: "%" }],
  ])("%s: %s", (_why, text, parts) => {
    expectParts(parseUri(text), text, parts);
  });
});

describe("parseRequestTarget", () => {
  // What a Nim server answered, recorded byte by byte; the row's name is the recorded case.
  test.each<[name: string, method: string, target: string, parts: Parts]>([
    [
      "target-absolute",
      "GET",
      "http://example.com:8080/p/q?x=1&y=2#frag",
      { scheme: "http", hostname: "example.com", port: "8080", path: "/p/q", query: "x=1&y=2", anchor: "frag" },
    ],
    [
      "target-absolute-userinfo",
      "GET",
      "http://user:pa%20ss@example.com:81/p",
      { scheme: "http", username: "user", password: "pa%20ss", hostname: "example.com", port: "81", path: "/p" },
    ],
    [
      "target-absolute-ipv6",
      "GET",
      "http://[::1]:8080/p",
      { scheme: "http", hostname: "::1", port: "8080", path: "/p", isIpv6: true },
    ],
    ["target-absolute-unknown-scheme", "GET", "foo+bar://h/p", { scheme: "foo+bar", hostname: "h", path: "/p" }],
    [
      "target-absolute-host-differs",
      "GET",
      "http://a.example/p",
      { scheme: "http", hostname: "a.example", path: "/p" },
    ],
    ["target-asterisk-OPTIONS", "OPTIONS", "*", { path: "*" }],
    ["target-asterisk-GET", "GET", "*", { path: "*" }],
    ["target-path-query-frag", "GET", "/a/b?x=1&y=%20z+w#f?g", { path: "/a/b", query: "x=1&y=%20z+w", anchor: "f?g" }],
    ["target-two-question-marks", "GET", "/p?a?b=c", { path: "/p", query: "a?b=c" }],
    ["target-percent", "GET", "/%41%2f%2e%2e%2Fx%20y", { path: "/%41%2f%2e%2e%2Fx%20y" }],
    ["target-percent-bad", "GET", "/%zz%", { path: "/%zz%" }],
    ["target-inner-double-slash", "GET", "/a//b", { path: "/a//b" }],
    ["target-dots", "GET", "/a/../b/./c", { path: "/a/../b/./c" }],
    ["target-backslash", "GET", "/a\\b", { path: "/a\\b" }],
    ["target-colon-path", "GET", "/a:b@c", { path: "/a:b@c" }],
    ["target-semicolon", "GET", "/a;v=1?b;c", { path: "/a;v=1", query: "b;c" }],
    ["target-bytes-ff-fe", "GET", "/\xff\xfe", { path: "/\xff\xfe" }],
  ])("as the Nim server: %s", (_name, method, target, parts) => {
    expectParts(parseRequestTarget(target, method), target, parts);
  });

  test.each<[target: string, parts: Parts]>([
    ["//evil.com/path", { path: "//evil.com/path" }],
    ["//u:p@evil.com:99/path?q#a", { path: "//u:p@evil.com:99/path", query: "q", anchor: "a" }],
    ["//", { path: "//" }],
  ])("RFC 9112 3.2.1, origin form, where Nim finds a host: %s", (target, parts) => {
    expectParts(parseRequestTarget(target, "GET"), target, parts);
  });

  test.each<[target: string, parts: Parts]>([
    ["example.com:443", { hostname: "example.com", port: "443" }],
    ["[::1]:443", { hostname: "::1", port: "443", isIpv6: true }],
    ["/p", { path: "/p" }],
  ])("CONNECT, RFC 9112 3.2.3, authority form: %s", (target, parts) => {
    expectParts(parseRequestTarget(target, "CONNECT"), target, parts);
  });
});
