import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { DriverContext } from "../../../src/driver/context.ts";
import { DriverError } from "../../../src/driver/errors.ts";
import type { SecretStore } from "../../../src/driver/secretstore.ts";
import type { Platform } from "../../../src/platform/types.ts";
import { secretStoreConformance } from "../../../test/conformance/secretstores.ts";
import { flatten } from "./flatten.ts";
import driver from "./local.file.ts";

const { signal } = new AbortController();

interface Opened {
  readonly store: SecretStore;
  readonly warnings: string[];
}

async function open(content: string, metadata: Record<string, string> = {}): Promise<Opened> {
  const warnings: string[] = [];
  const readBytes = async (path: string): Promise<Uint8Array> => {
    if (path !== "secrets.json") throw new Error(`no such file: ${path}`);
    return new TextEncoder().encode(content);
  };
  const context = {
    platform: { files: { readBytes } } as unknown as Platform,
    log: { warn: (message: string) => warnings.push(message) },
  } as unknown as DriverContext;
  const raw = new Map(Object.entries({ secretsFile: "secrets.json", ...metadata }));
  return { store: await driver.open(raw, context), warnings };
}

const sample = '{"conftestsecret":"abcd","secondsecret":"efgh","deep":{"list":["x",{"y":"z"}]}}';
secretStoreConformance("local.file", async () => (await open(sample)).store, { missing: "fails" });
secretStoreConformance("local.file, multiValued", async () => (await open(sample, { multiValued: "true" })).store, {
  missing: "fails",
});

test("nested objects and arrays become names of their path", async () => {
  const { store } = await open('{"a":{"b":"1","c":["x",{"d":"y"}]},"e":"2"}');
  assert.deepEqual(store.features, []);
  assert.deepEqual(await store.bulkGet({}, signal), {
    "a:b": { "a:b": "1" },
    "a:c:0": { "a:c:0": "x" },
    "a:c:1:d": { "a:c:1:d": "y" },
    e: { e: "2" },
  });
  await assert.rejects(store.get("a", {}, signal), { message: "secret a not found" });
});

test("the separator can be chosen; an empty one is the default", async () => {
  const dotted = await open('{"a":{"b":"1"}}', { nestedSeparator: "." });
  assert.deepEqual(await dotted.store.get("a.b", {}, signal), { "a.b": "1" });
  const usual = await open('{"a":{"b":"1"}}', { nestedSeparator: "" });
  assert.deepEqual(await usual.store.get("a:b", {}, signal), { "a:b": "1" });
});

test("values that are no text are given as their JSON text", async () => {
  const { store } = await open('{"n":5,"f":1.5,"t":true,"z":null}');
  const all = await store.bulkGet({}, signal);
  assert.deepEqual(all, { n: { n: "5" }, f: { f: "1.5" }, t: { t: "true" }, z: { z: "null" } });
});

test("multiValued keeps the first level as names and flattens below it", async () => {
  const content = '{"db":{"user":"u","more":{"x":["1"]}},"plain":"p","list":["a"],"number":5}';
  const { store, warnings } = await open(content, { multiValued: "yes" });
  assert.deepEqual(store.features, ["MULTIPLE_KEY_VALUES_PER_SECRET"]);
  assert.deepEqual(await store.bulkGet({}, signal), {
    db: { user: "u", "more:x:0": "1" },
    plain: { plain: "p" },
  });
  assert.equal(warnings.length, 2);
});

test("of two secrets of one name the first counts, the rest of the file stays, and it is said", async () => {
  const { store, warnings } = await open('{"a:b":"first","a":{"b":"second","c":"kept"}}');
  assert.deepEqual(await store.get("a:b", {}, signal), { "a:b": "first" });
  assert.deepEqual(await store.get("a:c", {}, signal), { "a:c": "kept" });
  assert.deepEqual(warnings, ['Secret "a:b" is there twice in the secrets file, the first one counts']);
});

test("a file that cannot be used says so when the store opens", async () => {
  const cases: readonly (readonly [string, Record<string, string>, RegExp])[] = [
    ["{}", { secretsFile: "" }, /^missing local secrets file in metadata$/],
    ["{}", { secretsFile: "other.json" }, /^reading secrets file "other.json" failed: no such file: other.json$/],
    ["", {}, /^secrets file "secrets.json" is not a JSON object: unexpected end of JSON input$/],
    ["{", {}, /unexpected end of JSON input$/],
    ["[]", {}, /json: cannot unmarshal array into Go value of type map\[string\]interface \{\}$/],
    ["{} x", {}, /invalid character 'x' after top-level value$/],
  ];
  for (const [content, metadata, message] of cases)
    await assert.rejects(
      open(content, metadata),
      (error) => DriverError.is(error) && error.kind === "badMetadata" && message.test(error.message),
      `${content} ${JSON.stringify(metadata)}`,
    );
});

test("names with special meaning for objects are ordinary secrets", async () => {
  const { store } = await open('{"__proto__":"a","constructor":"b"}');
  assert.deepEqual(Object.entries(await store.get("__proto__", {}, signal)), [["__proto__", "a"]]);
  assert.deepEqual(Object.keys(await store.bulkGet({}, signal)), ["__proto__", "constructor"]);
});

test("flatten visits every leaf once", () => {
  const countLeaves = (value: unknown): number =>
    typeof value === "object" && value !== null
      ? Object.values(value).reduce((sum: number, member) => sum + countLeaves(member), 0)
      : 1;
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), (content) => {
      let visits = 0;
      flatten(content, ":", () => visits++);
      assert.equal(visits, countLeaves(content));
    }),
  );
});
