import { METHODS } from "node:http";
import * as httpMethod from "../../lib/http/method";
import type { HttpMethod } from "../../lib/http/method";

test("the constants are the nine of Nim's httpcore, each its own text", () => {
  expect(httpMethod).toEqual({
    HttpHead: "HEAD",
    HttpGet: "GET",
    HttpPost: "POST",
    HttpPut: "PUT",
    HttpDelete: "DELETE",
    HttpTrace: "TRACE",
    HttpOptions: "OPTIONS",
    HttpConnect: "CONNECT",
    HttpPatch: "PATCH",
  });
});

test("the constants are methods that Node parses", () => {
  expect(METHODS).toEqual(expect.arrayContaining(Object.values(httpMethod)));
});

test("every method that Node parses is an HttpMethod", () => {
  const methods: HttpMethod[] = METHODS;
  expect(methods).toContain("PROPFIND");
});
