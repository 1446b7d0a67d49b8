import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeGoJson, decodeGoJsonText, encodeGoJson, GoJsonError, goTypeError } from "./go-json.ts";
import { explainGoJson } from "./go-json-scan.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const refusal = (text: string): string => {
  try {
    decodeGoJson(bytes(text));
  } catch (error) {
    assert.ok(error instanceof GoJsonError);
    return error.message;
  }
  return "accepted";
};

test("faulty texts are refused in Go's words", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["", "EOF"],
    [" \n", "EOF"],
    ["[1,2", "unexpected EOF"],
    ['{"a"', "unexpected EOF"],
    ['"abc', "unexpected EOF"],
    ["nul", "unexpected EOF"],
    ["-", "unexpected EOF"],
    ["x", "invalid character 'x' looking for beginning of value"],
    ["[1,]", "invalid character ']' looking for beginning of value"],
    ["{a}", "invalid character 'a' looking for beginning of object key string"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
    ["[1 2]", "invalid character '2' after array element"],
    ["nxll", "invalid character 'x' in literal null (expecting 'u')"],
    ["-a", "invalid character 'a' in numeric literal"],
    ["1.x", "invalid character 'x' after decimal point in numeric literal"],
    ["[1ex]", "invalid character 'x' in exponent of numeric literal"],
    ['"a\nb"', "invalid character '\\n' in string literal"],
    ['"\\q"', "invalid character 'q' in string escape code"],
    ['"\\u12z4"', "invalid character 'z' in \\u hexadecimal character escape"],
    ["'a'", "invalid character '\\'' looking for beginning of value"],
    ["\ufeff{}", "invalid character 'ï' looking for beginning of value"],
    ["[".repeat(10_001), "exceeded max depth"],
  ];
  for (const [text, message] of cases) assert.equal(refusal(text), message, text.slice(0, 20));
});

test("only the first value is read", () => {
  assert.deepEqual(decodeGoJson(bytes(' {"a":[1,{}]} x')), { a: [1, {}] });
  assert.equal(decodeGoJson(bytes("123abc")), 123);
  assert.deepEqual(decodeGoJson(bytes("[][]")), []);
  assert.equal(decodeGoJson(bytes("null")), null);
});

test("a whole text", () => {
  assert.deepEqual(decodeGoJsonText(bytes(" [1] ")), [1]);
  const cases = { "": "unexpected end of JSON input", "[1": "unexpected end of JSON input" };
  for (const [text, message] of Object.entries(cases)) assert.throws(() => decodeGoJsonText(bytes(text)), { message });
  assert.throws(() => decodeGoJsonText(bytes("1 x")), { message: "invalid character 'x' after top-level value" });
  assert.throws(() => decodeGoJsonText(bytes("{x")), {
    message: "invalid character 'x' looking for beginning of object key string",
  });
});

test("the scanner agrees with JSON.parse on what is sound", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      assert.equal(explainGoJson(bytes(text)), bytes(text).length);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...'{}[]:,"\\ut01e-.+ na')), (parts) => {
      const text = parts.join("");
      const found = explainGoJson(bytes(text));
      if (typeof found === "number") JSON.parse(text.slice(0, found));
      else assert.throws(() => JSON.parse(text), found);
    }),
  );
});

test("texts are written as Go writes them", () => {
  assert.equal(encodeGoJson({ m: "<a>&\u2028" }), '{"m":"\\u003ca\\u003e\\u0026\\u2028"}');
  assert.equal(encodeGoJson({ m: "<a>&" }, { escapeHtml: false }), '{"m":"<a>&"}');
  assert.equal(encodeGoJson([1e21, 1e-7, 1, 0.000001]), "[1e+21,1e-7,1,0.000001]");
  assert.equal(encodeGoJson("\ud800 \\ud800"), '"\ufffd \\\\ud800"');
  assert.equal(
    encodeGoJson({ b: 1, a: { d: [{ z: 1, y: null }], "10": 2, "9": undefined } }, { sortKeys: true }),
    '{"a":{"10":2,"d":[{"y":null,"z":1}]},"b":1}',
  );
  assert.equal(encodeGoJson(undefined), "null");
});

test("values of the wrong kind", () => {
  assert.equal(
    goTypeError("x", "[]state.SetRequest").message,
    "json: cannot unmarshal string into Go value of type []state.SetRequest",
  );
  assert.equal(
    goTypeError(1, "string", "SetRequest.key").message,
    "json: cannot unmarshal number into Go struct field SetRequest.key of type string",
  );
});

test("sorted keys stand in the order of their bytes; a number beyond a double is refused", () => {
  assert.equal(
    encodeGoJson({ "\u{1F600}": 1, "\uffee": 2, a: 3 }, { sortKeys: true }),
    '{"a":3,"\uffee":2,"\u{1F600}":1}',
  );
  const order = (keys: readonly string[]) => keys.map((key) => Buffer.from(key).toString("hex")).join();
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: "grapheme" }), fc.nat()), (value) => {
      const keys = [...encodeGoJson(value, { sortKeys: true }).matchAll(/"(?:[^"\\]|\\.)*"/g)].map(
        ([key]) => JSON.parse(key) as string,
      );
      const expected = Object.keys(value).sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
      assert.equal(order(keys), order(expected));
    }),
  );
  assert.throws(() => encodeGoJson([{ a: Number.POSITIVE_INFINITY }], { sortKeys: true }), GoJsonError);
});

test("sorting changes nothing but the order", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      const before = JSON.stringify(value);
      const text = encodeGoJson(value, { sortKeys: true });
      assert.deepEqual(JSON.parse(JSON.stringify(JSON.parse(text))), JSON.parse(before));
      assert.equal(encodeGoJson(JSON.parse(text), { sortKeys: true }), text);
      assert.equal(JSON.stringify(value), before);
    }),
  );
  assert.equal(
    encodeGoJson({ b: [{ d: -0, c: 1 }], a: [2, { z: 1, y: [] }] }, { sortKeys: true }),
    '{"a":[2,{"y":[],"z":1}],"b":[{"c":1,"d":-0}]}',
  );
  assert.equal(
    encodeGoJson(JSON.parse('{"b":1,"__proto__":{"d":1,"c":2}}'), { sortKeys: true }),
    '{"__proto__":{"c":2,"d":1},"b":1}',
  );
  assert.equal(
    encodeGoJson({ b: { x: undefined, a: 1 }, a: [undefined] }, { sortKeys: true }),
    '{"a":[null],"b":{"a":1}}',
  );
});
