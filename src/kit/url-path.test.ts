import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cleanPath, escapeUrlPath, routeTarget } from "./url-path.ts";

describe("a path", () => {
  for (const [given, clean] of [
    ["", "."],
    ["a/../..", ".."],
    ["../a/../b", "../b"],
    ["/..//a/", "/a"],
  ] as const) {
    it(`${JSON.stringify(given)} cleans to ${clean}`, () => assert.equal(cleanPath(given), clean));
  }
  for (const [given, escaped] of [
    ["/a b", "/a%20b"],
    ['/ä\\|{"', "/%C3%A4%5C%7C%7B%22"],
    ["/+;:@&=,~*'!()", "/+;:@&=,~*'!()"],
    ["/it's here", "/it%27s%20here"],
    ["/a%25b", "/a%25b"],
    ["/a%41 b", "/aA%20b"],
  ] as const) {
    it(`${given} escapes to ${escaped}`, () => assert.equal(escapeUrlPath(given), escaped));
  }
  it("with a percent sign that begins no escape is no URL", () => {
    assert.throws(() => escapeUrlPath("/a%b"), { message: 'invalid URL escape "%b"' });
    assert.throws(() => escapeUrlPath("/a%zzz"), { message: 'invalid URL escape "%zz"' });
  });
});

describe("a route", () => {
  for (const [given, path, query] of [
    ["/orders", "/orders", ""],
    ["orders", "/orders", ""],
    ["", "/", ""],
    ["/", "/", ""],
    ["a/../b//c/", "/b/c", ""],
    ["../a", "/../a", ""],
    ["/a?x=y&z=1", "/a", "x=y&z=1"],
    ["http://host/a", "/http:/host/a", ""],
    ["/a%20b/ü c#f?x", "/a%20b/%C3%BC%20c", ""],
    ["/.well-known/a.b", "/.well-known/a.b", ""],
  ] as const) {
    it(`${JSON.stringify(given)} is asked for at ${path}`, () => assert.deepEqual(routeTarget(given), { path, query }));
  }
});
