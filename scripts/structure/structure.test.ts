import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { checkCycles, checkLayers } from "./check-layers.ts";
import { checkStart } from "./check-start.ts";
import { checkSizes, checkText } from "./check-text.ts";
import { readSourceTree, type SourceFile } from "./source-tree.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const product = readSourceTree(root, ["src", "components"]);
const everything = [...product, ...readSourceTree(root, ["scripts", "test", "bench"])];

test("the tree was read", () => {
  assert.ok(product.length > 20);
});
test("layers hold", () => assert.deepEqual(checkLayers(product), []));
test("no import cycles", () => assert.deepEqual(checkCycles(everything), []));
test("the start loads nothing heavy", () => assert.deepEqual(checkStart(product), []));
test("no file over the size limit", () => assert.deepEqual(checkSizes(everything).faults, []));
test("house rules hold", () => assert.deepEqual(checkText(everything), []));

const file = (path: string, text: string, imports: SourceFile["imports"] = []): SourceFile => ({
  path,
  text,
  lines: text.split("\n").length,
  imports,
});
test("the checks can fail", () => {
  const upward = { target: "src/blocks/state/state.ts", isRelative: true, isType: false, isLazy: false };
  assert.equal(checkLayers([file("src/kit/a.ts", "", [upward])]).length, 1);
  assert.equal(
    checkCycles([file("a.ts", "", [{ ...upward, target: "b.ts" }]), file("b.ts", "", [{ ...upward, target: "a.ts" }])])
      .length,
    1,
  );
  assert.equal(checkSizes([file("src/x.ts", "\n".repeat(500))]).faults.length, 1);
  const heavy = { target: "yaml", isRelative: false, isType: false, isLazy: false };
  assert.equal(checkStart([file("a.ts", "", [heavy])], ["a.ts"]).length, 1);
  assert.equal(checkText([file("src/kit/a.ts", "const now = Date.now();")]).length, 1);
});
