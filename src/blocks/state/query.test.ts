import assert from "node:assert/strict";
import { test } from "node:test";
import { parseQuery } from "./query.ts";

test("documents without a filter", () => {
  const empty = { filter: null, sort: [], page: { limit: 0, token: "" } };
  for (const text of ["{}", "null", '{"filter":{}}', '{"filter":null,"sort":null,"page":null}'])
    assert.deepEqual(parseQuery(text), empty, text);
  assert.deepEqual(parseQuery('{"Page":{"LIMIT":-1}}'), empty);
});

test("filters nest", () => {
  const { filter } = parseQuery(
    '{"filter":{"OR":[{"AND":[{"GT":{"a":1}},{"LTE":{"b":"x"}}]},{"IN":{"c":[1,"y",null]}},{"NEQ":{"d":{"e":1}}}]}}',
  );
  assert.deepEqual(filter, {
    op: "OR",
    filters: [
      {
        op: "AND",
        filters: [
          { op: "GT", key: "a", value: 1 },
          { op: "LTE", key: "b", value: "x" },
        ],
      },
      { op: "IN", key: "c", values: [1, "y", null] },
      { op: "NEQ", key: "d", value: { e: 1 } },
    ],
  });
});

test("faulty documents are refused in upstream's words", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["", "unexpected end of JSON input"],
    ["{} x", "invalid character 'x' after top-level value"],
    ["[]", "json: cannot unmarshal array into Go value of type query.QueryFields"],
    [
      '{"filter":[]}',
      "json: cannot unmarshal array into Go struct field QueryFields.filter of type map[string]interface {}",
    ],
    ['{"filter":{"XX":1}}', 'unsupported filter "XX"'],
    ['{"filter":{"EQ":1}}', "EQ filter must be a map"],
    ['{"filter":{"GTE":[]}}', "GTE filter must be a map"],
    ['{"filter":{"LT":{}}}', "LT filter must contain a single key/value pair"],
    ['{"filter":{"EQ":{"a":1,"b":2}}}', "EQ filter must contain a single key/value pair"],
    ['{"filter":{"EQ":{"a":1},"IN":{"b":[1]}}}', "filter unit must have a single element"],
    ['{"filter":{"IN":{"a":1}}}', "IN filter value must be an array"],
    ['{"filter":{"AND":1}}', "AND filter must be an array"],
    ['{"filter":{"OR":[{"EQ":{"a":1}}]}}', "OR filter must contain at least two entries"],
    ['{"filter":{"OR":[{"EQ":{"a":1}},5]}}', "filter unit must be a map"],
    ['{"sort":[{"key":1}]}', "json: cannot unmarshal number into Go struct field Sorting.sort.key of type string"],
    ['{"sort":{}}', "json: cannot unmarshal object into Go struct field QueryFields.sort of type []query.Sorting"],
    ['{"page":{"limit":"a"}}', "json: cannot unmarshal string into Go struct field Pagination.page.limit of type int"],
    ['{"page":[]}', "json: cannot unmarshal array into Go struct field QueryFields.page of type query.Pagination"],
  ];
  for (const [text, message] of cases) assert.throws(() => parseQuery(text), { message }, text);
});
