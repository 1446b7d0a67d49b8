import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createOperationTree } from "./operation-tree.ts";

function finder(...names: string[]): (operation: string) => string | undefined {
  const tree = createOperationTree(names.map((name) => [name, name] as const));
  return (operation) => tree.find(operation);
}

test("a name is for its operation and what lies below it", () => {
  const find = finder("/a", "/b/c");
  assert.equal(find("/a"), "/a");
  assert.equal(find("/a/x/y"), "/a");
  assert.equal(find("/b/c"), "/b/c");
  assert.equal(find("/b"), undefined);
  assert.equal(find("/ab"), undefined);
  assert.equal(find("/"), undefined);
  assert.equal(find("/b/cc"), undefined);
});

test("a star stands for one part or none, two for any number", () => {
  const find = finder("/one/*", "/any/**");
  assert.equal(find("/one/x"), "/one/*");
  assert.equal(find("/one"), "/one/*");
  assert.equal(find("/one/x/y"), undefined);
  assert.equal(find("/any"), "/any/**");
  assert.equal(find("/any/x"), "/any/**");
  assert.equal(find("/any/x/y/z"), "/any/**");
  assert.equal(finder("/*")("/"), "/*");
  assert.equal(finder("/**")("/x/y"), "/**");
});

test("a star that an operation has itself hides nothing below it", () => {
  const find = finder("/*", "/*/b");
  assert.equal(find("/*/b"), "/*/b");
  assert.equal(find("/*"), "/*");
});

test("what is named first is followed, without a way back", () => {
  assert.equal(finder("/a*/x", "/ab/y")("/ab/y"), undefined);
  assert.equal(finder("/ab/y", "/a*/x")("/ab/y"), "/ab/y");
  assert.equal(finder("/a/*", "/a/b")("/a/b"), "/a/*");
  assert.equal(finder("/a/b", "/a/*")("/a/b"), "/a/b");
  const tree = createOperationTree([
    ["/a", 1],
    ["/a", 2],
  ]);
  assert.equal(tree.find("/a"), 1);
});

test("stars within a part stand for any text", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 8 });
  const texts = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 10 });
  fc.assert(
    fc.property(letters, texts, (pattern, text) => {
      fc.pre(pattern !== "*");
      const expression = new RegExp(`^${pattern.replaceAll("*", ".*")}$`);
      assert.equal(finder(`/${pattern}`)(`/${text}`) !== undefined, expression.test(text), `${pattern} ${text}`);
    }),
  );
});
