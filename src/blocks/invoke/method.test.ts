import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { normalizeMethod } from "./method.ts";
import { findCalled, parseTarget } from "./target.ts";

describe("a method", () => {
  for (const [given, clean] of [
    ["a/b", "a/b"],
    ["a", "a"],
    ["", ""],
    ["/", "/"],
    ["a//b/", "a/b"],
    ["a/./b/../c", "a/c"],
    ["../../a", "a"],
    ["..", ""],
    ["a/..", ""],
    ["/../a", "/a"],
    [".hidden", ".hidden"],
    ["a/..b", "a/..b"],
    ["a b+ä%", "a b+ä%"],
    ["a...b", "a...b"],
  ] as const) {
    it(`${JSON.stringify(given)} is ${JSON.stringify(clean)}`, () => assert.equal(normalizeMethod(given), clean));
  }

  it("with a character that would end the path is refused", () => {
    for (const char of ["#", "?", "\0"]) {
      assert.throws(() => normalizeMethod(`a${char}b`), {
        code: 3,
        message: /invalid method: method contains forbidden character: "a/,
      });
    }
  });
  it("with a control character is refused, with its place in bytes", () => {
    assert.throws(() => normalizeMethod("ä\nb"), {
      message: 'invalid method: method contains control character at position 2: "ä\\nb"',
    });
    assert.throws(() => normalizeMethod("a\x7f"), /position 1/);
  });
});

describe("a target", () => {
  it("is an app, an app of a namespace, or a URL", () => {
    assert.deepEqual(parseTarget("app", "own"), { kind: "app", appId: "app", namespace: "own" });
    assert.deepEqual(parseTarget("app.other", "own"), { kind: "app", appId: "app", namespace: "other" });
    assert.deepEqual(parseTarget("https://a.b.c", "own"), { kind: "url", url: "https://a.b.c" });
    assert.throws(() => parseTarget("a.b.c", "own"), { message: "invalid app id a.b.c" });
    assert.throws(() => parseTarget("", "own"), { message: "app id is empty" });
  });

  const called = (path: string, headers: Record<string, string> = {}) =>
    findCalled(path, (name) => headers[name] ?? null);
  for (const [path, id, method] of [
    ["/v1.0/invoke/app/method/a/b", "app", "a/b"],
    ["/v1.0/invoke/app/method/", "app", ""],
    ["//v1.0//invoke///app/method/a", "app", "a"],
    ["/v1.0/invoke/app.ns/method/a%2Fb%20c+d", "app.ns", "a/b c+d"],
    ["/v1.0/invoke/a%2520b+c/method/x", "a b c", "x"],
    ["/v1.0/invoke/http://host:80/method/x", "http://host:80", "x"],
    ["/v1.0/invoke/http%3A%2F%2Fhost/method/x", "http://host", "x"],
    ["/v1.0/invoke/app/method/%ff", "app", "\uFFFD"],
  ] as const) {
    it(`in ${path}`, () => assert.deepEqual(called(path), { id, method }));
  }
  it("is missing", () => {
    for (const path of [
      "/",
      "/v1.0/invoke/app",
      "/v1.0/invoke/app/method",
      "/v1.0/invoke//method/x",
      "/v1.0/state/a/method/b",
      "/v1.0/invokes/app/method/x",
    ]) {
      assert.equal(called(path), undefined, path);
    }
  });
  it("in a header wins over basic authentication, which wins over the path", () => {
    const path = "/v1.0/invoke/x/method/y";
    const basic = { authorization: `Basic ${btoa("Dapr-App-Id:second")}` };
    assert.deepEqual(called(path, { "dapr-app-id": "first", ...basic }), { id: "first", method: path.slice(1) });
    assert.deepEqual(called(path, basic), { id: "second", method: path.slice(1) });
    assert.deepEqual(called(path, { authorization: `Basic ${btoa("user:second")}` }), { id: "x", method: "y" });
    assert.deepEqual(called(path, { authorization: "Basic !" }), { id: "x", method: "y" });
  });
});
