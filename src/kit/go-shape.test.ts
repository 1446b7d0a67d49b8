import assert from "node:assert/strict";
import { test } from "node:test";
import { GoJsonError } from "./go-json.ts";
import { decodeGoShape, goShape } from "./go-shape.ts";

const inner = goShape.struct("pkg.Inner", { Name: goShape.text, count: goShape.integer });
const outer = goShape.struct("pkg.Outer", {
  id: goShape.text,
  tag: goShape.optionalText,
  labels: goShape.map("map[string]string", goShape.text),
  inner,
  list: goShape.list("[]pkg.Inner", inner),
  any: goShape.anything,
});
const zero = { id: "", tag: null, labels: null, inner: { Name: "", count: 0 }, list: null, any: null };

test("what is absent or null is the zero value", () => {
  for (const value of [{}, null, { id: null, tag: null, labels: null, inner: null, list: null, other: 1 }])
    assert.deepEqual(decodeGoShape(value, outer), zero);
});

test("field names match without case, the last one counts", () => {
  assert.deepEqual(decodeGoShape({ ID: "a", Inner: { NAME: "n", Count: 2 } }, outer), {
    ...zero,
    id: "a",
    inner: { Name: "n", count: 2 },
  });
  assert.equal(decodeGoShape({ id: "a", Id: "b" }, outer).id, "b");
  assert.equal(decodeGoShape({ li\u017Ft: [], ID: "\u212A" }, outer).list?.length, 0);
});

test("maps keep every key, also those that objects inherit", () => {
  const labels = decodeGoShape(JSON.parse('{"labels":{"__proto__":"x","constructor":"y","n":null}}'), outer).labels;
  assert.deepEqual(Object.entries(labels ?? {}), [
    ["__proto__", "x"],
    ["constructor", "y"],
    ["n", ""],
  ]);
});

test("values of another kind are refused with their place", () => {
  const cases: readonly (readonly [unknown, string])[] = [
    [[], "json: cannot unmarshal array into Go value of type pkg.Outer"],
    [{ id: 1 }, "json: cannot unmarshal number into Go struct field Outer.id of type string"],
    [{ tag: true }, "json: cannot unmarshal bool into Go struct field Outer.tag of type string"],
    [{ labels: "x" }, "json: cannot unmarshal string into Go struct field Outer.labels of type map[string]string"],
    [{ labels: { a: {} } }, "json: cannot unmarshal object into Go struct field Outer.labels of type string"],
    [{ inner: [] }, "json: cannot unmarshal array into Go struct field Outer.inner of type pkg.Inner"],
    [{ inner: { count: 0.5 } }, "json: cannot unmarshal number 0.5 into Go struct field Inner.inner.count of type int"],
    [{ inner: { count: "1" } }, "json: cannot unmarshal string into Go struct field Inner.inner.count of type int"],
    [{ list: {} }, "json: cannot unmarshal object into Go struct field Outer.list of type []pkg.Inner"],
    [{ list: [{ name: 1 }] }, "json: cannot unmarshal number into Go struct field Inner.list.Name of type string"],
    [{ list: [1] }, "json: cannot unmarshal number into Go struct field Outer.list of type pkg.Inner"],
  ];
  for (const [value, message] of cases)
    assert.throws(
      () => decodeGoShape(value, outer),
      (error) => error instanceof GoJsonError && error.message === message,
      message,
    );
});
