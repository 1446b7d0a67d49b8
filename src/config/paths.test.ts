import assert from "node:assert/strict";
import { test } from "node:test";
import { absolutePath, baseName, expandHome, folderOf } from "./paths.ts";

test("paths are seen from a folder, without detours", () => {
  assert.equal(absolutePath("/a/b", "c"), "/a/b/c");
  assert.equal(absolutePath("/a/b", "./../c/./d/"), "/a/c/d");
  assert.equal(absolutePath("/a/b", "/x/../y"), "/y");
  assert.equal(absolutePath("/a", "../../.."), "/");
  assert.equal(absolutePath("/a/b", "."), "/a/b");
  assert.equal(absolutePath("C:\\work", "..\\x"), "C:/x");
  assert.equal(absolutePath("C:\\work", "D:\\x"), "D:/x");
});

test("home, folder and name of a path", () => {
  assert.equal(expandHome("~/x", "/home/me"), "/home/me/x");
  assert.equal(expandHome("~", "/home/me"), "/home/me");
  assert.equal(expandHome("~other/x", "/home/me"), "~other/x");
  assert.equal(folderOf("/a/b.yaml"), "/a");
  assert.equal(folderOf("/b.yaml"), "/");
  assert.equal(folderOf("b.yaml"), ".");
  assert.equal(baseName("/a/b.yaml"), "b.yaml");
});
