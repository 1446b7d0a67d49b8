import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readPlain } from "./read-plain.ts";
import { readYaml } from "./read-yaml.ts";

const component = `# a store
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: statestore # the default
  namespace:
spec:
  type: state.sqlite
  version: "v1"
  ignoreErrors: yes
  metadata:
  - name: connectionString
    value: 'it''s: #here'
  -   name: ttl
      value: 1.10
  - # below
    name: word
    value: "a \\"b\\"\\n"
scopes:
  - app-1
  -
  - [] # none
auth: {}
`;

test("a usual resource file is read without the library, to the same nodes and lines", async () => {
  const node = readPlain(component);
  assert.ok(node);
  assert.deepEqual(node, (await readYaml(component, false)).node);
});

for (const text of [
  "a: b: c",
  "a: |\n  b",
  "a:\n  b\n  c",
  "a: &x b",
  "a: *x",
  "a: [b]",
  "a: b\n  c",
  "a: 'b\n  c'",
  "\ta: b",
  "? a",
  "a",
])
  test(`${JSON.stringify(text)} is left to the library`, () => assert.equal(readPlain(text), undefined));

const name = fc.constantFrom("a", "b", "name", "x.y/z", "yes", "k-1", "'q'", "1", "<<", "a b");
const value = fc.oneof(
  fc.constantFrom(
    ..."|x|1.10|-1|- x|--|-.5|yes|'a'|'a''b'|\"a\"|\"a\\n\"|\"\\x41\"|{}|[]|[a]|{a: b}|a b|a # c|a#c|#c|a: b|a:|:a|*a|&a|!x y|\\||>-|%a|@a|~|null|http://h:1/p|a, b|'a' b|'a'#c|é".split(
      "|",
    ),
  ),
  fc.string({ maxLength: 6 }),
);
const line = fc
  .tuple(fc.nat({ max: 4 }), fc.constantFrom("", "- ", "-   ", "- - "), fc.option(name, { freq: 5 }), value)
  .map(([indent, dash, key, text]) => `${" ".repeat(indent)}${dash}${key === null ? "" : `${key}: `}${text}`);
const loose = fc.constantFrom(
  "",
  "---",
  "# c",
  "   # c",
  "...",
  "a:",
  "  b:",
  "    c: 1",
  "- a: 1",
  "  b: 2",
  "  - x",
  "-",
  "  -",
);

test("what is read without the library is what the library reads, lines included", async () => {
  let read = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(line, loose, loose), { maxLength: 8 }), async (lines) => {
      const text = lines.join("\n");
      const node = readPlain(text);
      if (node === undefined) return;
      read += 1;
      assert.deepEqual(await readYaml(text, true), { node }, text);
    }),
    { numRuns: 4000 },
  );
  assert.ok(read > 100, `only ${read} texts were read`);
});
