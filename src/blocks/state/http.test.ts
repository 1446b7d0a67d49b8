import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sendHttp } from "../../../test/harness/http-exchange.ts";
import { mapStateStore } from "../../../test/harness/map-state-store.ts";
import type { StateStore } from "../../driver/state.ts";
import { stateHttp } from "./http.ts";
import { createState } from "./state.ts";

function open(without: readonly (keyof StateStore)[] = []) {
  const store = mapStateStore(without);
  const entry = { name: "s", store, prefix: "app||" };
  const state = createState({
    appId: "app",
    stores: { find: (name) => (name === "s" ? entry : undefined), any: () => true },
  });
  const routes = stateHttp(state);
  const send = (method: string, target: string, body?: string | Uint8Array, headers?: Record<string, string>) =>
    sendHttp(routes, method, target, { body, headers });
  const post = (body: string, query = "") => send("POST", `/v1.0/state/s${query}`, body);
  const stored = (key: string): string | undefined => {
    const row = store.rows.get(`app||${key}`);
    return row && new TextDecoder().decode(row.bytes);
  };
  const put = (key: string, bytes: Uint8Array | string) =>
    store.rows.set(`app||${key}`, {
      bytes: typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes,
      binary: true,
      etag: "1",
    });
  return { store, send, post, stored, put, last: () => store.seen.at(-1)!.request };
}

test("the routes of the state API", () => {
  const { routes } = {
    routes: stateHttp(createState({ appId: "", stores: { find: () => undefined, any: () => false } })),
  };
  assert.deepEqual(
    routes.map(({ methods, version, path, group }) => [methods.join(), version, path, group]),
    [
      ["GET", "v1.0", "/state/:storeName/:key", "state"],
      ["POST,PUT", "v1.0", "/state/:storeName", "state"],
      ["DELETE", "v1.0", "/state/:storeName/:key", "state"],
      ["POST,PUT", "v1.0", "/state/:storeName/bulk", "state"],
      ["POST,PUT", "v1.0", "/state/:storeName/transaction", "state"],
      ["POST,PUT", "v1.0-alpha1", "/state/:storeName/query", "state"],
    ],
  );
});

test("get answers the stored bytes as they are, with etag and metadata", async () => {
  const { send, put, last } = open();
  put("a ttl", new Uint8Array([0, 255, 1]));
  const found = await send("GET", "/v1.0/state/s/a+ttl?consistency=strong&metadata.x=1&metadata.x=2");
  assert.deepEqual([found.status, [...found.bytes]], [200, [0, 255, 1]]);
  assert.equal(found.headers.get("content-type"), "application/json");
  assert.equal(found.headers.get("etag"), "1");
  assert.equal(found.headers.get("metadata.ttlExpireTime"), "2030-01-01T00:00:00Z");
  assert.deepEqual(last(), { key: "app||a ttl", consistency: "strong", metadata: { x: "1" } });
});

test("get of an absent key is 204 with nothing; an unknown consistency counts as none", async () => {
  const { send, last } = open();
  const found = await send("GET", "/v1.0/state/s/none?consistency=Strong");
  assert.deepEqual([found.status, found.text, found.headers.get("etag")], [204, "", null]);
  assert.equal((last() as { consistency: string }).consistency, "");
});

test("a stored null and an empty value are values", async () => {
  const { send, post, put } = open();
  assert.equal((await post('[{"key":"n"}]')).status, 204);
  const found = await send("GET", "/v1.0/state/s/n");
  assert.deepEqual([found.status, found.text, found.headers.get("etag")], [200, "null", "1"]);
  put("empty", "");
  assert.equal((await send("GET", "/v1.0/state/s/empty")).status, 200);
});

test("values are stored in the standard encoding", async () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{"b":"<x>","a":1}', '{"a":1,"b":"\\u003cx\\u003e"}'],
    ['{"10":1,"9":2,"__proto__":3}', '{"10":1,"9":2,"__proto__":3}'],
    ['{"\u{1F600}":1,"\uffee":2}', '{"\uffee":2,"\u{1F600}":1}'],
    ['{"a":1,"a":2}', '{"a":2}'],
    ["1.0", "1"],
    ["9007199254740993", "9007199254740992"],
    ["123456789012345678901234567890", "1.2345678901234568e+29"],
    ["1e21", "1e+21"],
    ["0.0000001", "1e-7"],
    ['"\\u0001\\b\\f\\n\\u007f&\\u2028"', '"\\u0001\\b\\f\\n\u007f\\u0026\\u2028"'],
    ['"\\ud800x"', '"\ufffdx"'],
    ["[ true , null ,\n[] ]", "[true,null,[]]"],
  ];
  const { post, stored } = open();
  for (const [given, kept] of cases) {
    assert.equal((await post(`[{"key":"k","value":${given}}]`)).status, 204, given);
    assert.equal(stored("k"), kept);
  }
});

test("any JSON value comes back equal", async () => {
  const { send, post } = open();
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), fc.string({ minLength: 1 }), async (value, key) => {
      fc.pre(!key.includes("||") && key.isWellFormed());
      const saved = await post(JSON.stringify([{ key, value }]));
      assert.equal(saved.status, 204);
      const found = await send("GET", `/v1.0/state/s/${encodeURIComponent(key)}`);
      assert.deepEqual(found.json(), JSON.parse(JSON.stringify(value)));
    }),
    { numRuns: 200 },
  );
});

test("a save reads all fields, names without case; metadata of the query wins", async () => {
  const { post, last } = open();
  const item = {
    KEY: "k",
    Value: 1,
    eTag: "",
    metadata: { a: "item", b: "item", c: null },
    options: { Concurrency: "first-write", consistency: "strong" },
    contentType: "text/plain",
    unknown: [],
  };
  assert.equal((await post(JSON.stringify([item]), "?metadata.a=query")).status, 204);
  assert.deepEqual(last(), {
    key: "app||k",
    value: { bytes: new TextEncoder().encode("1"), binary: false },
    etag: null,
    concurrency: "first-write",
    consistency: "strong",
    metadata: { a: "query", b: "item", c: "" },
  });
});

test("a save of nothing is 204 and reaches no store", async () => {
  const { store, post } = open();
  for (const body of ["[]", "null", " [] trailing"]) assert.equal((await post(body)).status, 204, body);
  assert.deepEqual(store.seen, []);
});

test("malformed saves are refused in the decoder's words", async () => {
  const cases: readonly (readonly [string, string])[] = [
    ["", "EOF"],
    ["foobar", "invalid character 'o' in literal false (expecting 'a')"],
    ['[{"key":"k"}', "unexpected EOF"],
    ['[{"key":"k"},]', "invalid character ']' looking for beginning of value"],
    ["{}", "json: cannot unmarshal object into Go value of type []state.SetRequest"],
    ["5", "json: cannot unmarshal number into Go value of type []state.SetRequest"],
    ["[true]", "json: cannot unmarshal bool into Go value of type state.SetRequest"],
    ['[{"key":1}]', "json: cannot unmarshal number into Go struct field SetRequest.key of type string"],
    ['[{"key":"k","etag":{}}]', "json: cannot unmarshal object into Go struct field SetRequest.etag of type string"],
    [
      '[{"key":"k","metadata":{"a":1}}]',
      "json: cannot unmarshal number into Go struct field SetRequest.metadata of type string",
    ],
    [
      '[{"key":"k","metadata":[]}]',
      "json: cannot unmarshal array into Go struct field SetRequest.metadata of type map[string]string",
    ],
    [
      '[{"key":"k","options":""}]',
      "json: cannot unmarshal string into Go struct field SetRequest.options of type state.SetStateOption",
    ],
    [
      '[{"key":"k","options":{"concurrency":1}}]',
      "json: cannot unmarshal number into Go struct field SetStateOption.options.Concurrency of type string",
    ],
    ["[null]", '"key" is a required field'],
  ];
  const { store, post } = open();
  for (const [body, message] of cases) {
    const answer = await post(body);
    assert.deepEqual([answer.status, answer.json()], [400, { errorCode: "ERR_MALFORMED_REQUEST", message }], body);
  }
  assert.equal(store.seen.length, 0);
});

test("nesting without end is refused", async () => {
  const { post } = open();
  const body = `[{"key":"k","value":${"[".repeat(200_000)}${"]".repeat(200_000)}}]`;
  const answer = await post(body);
  assert.deepEqual(answer.json(), { errorCode: "ERR_MALFORMED_REQUEST", message: "exceeded max depth" });
});

test("no text whatever makes a route fail otherwise than by a refusal", async () => {
  const { send } = open();
  const targets = ["/v1.0/state/s", "/v1.0/state/s/bulk", "/v1.0/state/s/transaction", "/v1.0-alpha1/state/s/query"];
  const body = fc.oneof(
    fc.json(),
    fc.uint8Array().map((bytes) => new TextDecoder().decode(bytes)),
    fc
      .array(fc.constantFrom(...'{}[]",:', '"key"', '"operations"', '"keys"', '"filter"', "null", "1"))
      .map((parts) => parts.join("")),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...targets), body, async (target, text) => {
      const answer = await send("POST", target, text);
      const allowed = target.endsWith("/query") ? [200, 204, 500] : [200, 204, 400];
      assert.ok(allowed.includes(answer.status), `${target} ${text}: ${answer.status} ${answer.text}`);
      if (answer.status >= 400)
        assert.match(answer.text, /ERR_(MALFORMED_REQUEST|STATE_QUERY|NOT_SUPPORTED_STATE_OPERATION)/);
    }),
    { numRuns: 400 },
  );
});

test("delete takes its etag from If-Match; an empty one is none", async () => {
  const { store, send, put, last } = open();
  put("k", "1");
  const options = "?concurrency=first-write&consistency=eventual&metadata.p=q";
  assert.equal((await send("DELETE", `/v1.0/state/s/k${options}`, undefined, { "If-Match": "1" })).status, 204);
  assert.deepEqual(last(), {
    key: "app||k",
    etag: "1",
    concurrency: "first-write",
    consistency: "eventual",
    metadata: { p: "q" },
  });
  assert.equal(store.rows.size, 0);
  assert.equal((await send("DELETE", "/v1.0/state/s/k", undefined, { "If-Match": "1" })).status, 409);
  assert.equal((await send("DELETE", "/v1.0/state/s/k", undefined, { "If-Match": "" })).status, 204);
  assert.equal((await send("DELETE", "/v1.0/state/s/k")).status, 204);
});

for (const without of [[], ["bulkGet"]] as const)
  test(`bulk get, ${without.length === 0 ? "by the store" : "by single reads"}`, async () => {
    const { send, put, store } = open(without);
    put("a", '{ "x" : "< \\" >", "y":[1, 2] }');
    put("n", "null");
    put("text", "plain <text>");
    put("binary", new Uint8Array([0xff, 0xfe]));
    put("e ttl", "1");
    put("zero", "");
    const keys = ["a", "none", "n", "text", "binary", "e ttl", "zero", "a"];
    const body = JSON.stringify({ KEYS: keys, parallelism: -1, metadata: { m: "body", b: "1" } });
    const answer = await send("PUT", "/v1.0/state/s/bulk?metadata.m=query", body);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), "application/json");
    assert.equal(
      answer.text,
      `${[
        '[{"key":"a","data":{"x":"\\u003c \\" \\u003e","y":[1,2]},"etag":"1"}',
        '{"key":"none"}',
        '{"key":"n","data":null,"etag":"1"}',
        '{"key":"text","data":"plain \\u003ctext\\u003e","etag":"1"}',
        '{"key":"binary","error":"the value is not text: read it by its own key or over gRPC"}',
        '{"key":"e ttl","data":1,"etag":"1","metadata":{"ttlExpireTime":"2030-01-01T00:00:00Z"}}',
        '{"key":"zero","etag":"1"}',
        '{"key":"a","data":{"x":"\\u003c \\" \\u003e","y":[1,2]},"etag":"1"}]',
      ].join(",")}\n`,
    );
    const asked = store.seen[0]!.request;
    const first = Array.isArray(asked) ? (asked[0] as unknown) : asked;
    assert.deepEqual(first, { key: "app||a", consistency: "", metadata: { m: "query", b: "1" } });
  });

test("bulk get of nothing, and bodies that are not one", async () => {
  const { send } = open();
  for (const body of ["{}", "null", '{"keys":[]}', '{"keys":null,"parallelism":0}'])
    assert.equal((await send("POST", "/v1.0/state/s/bulk", body)).text, "[]\n", body);
  const cases: readonly (readonly [string, string])[] = [
    ["", "EOF"],
    ["[]", "json: cannot unmarshal array into Go value of type http.BulkGetRequest"],
    ['{"keys":"a"}', "json: cannot unmarshal string into Go struct field BulkGetRequest.keys of type []string"],
    ['{"keys":[1]}', "json: cannot unmarshal number into Go struct field BulkGetRequest.keys of type string"],
    [
      '{"parallelism":1.5}',
      "json: cannot unmarshal number 1.5 into Go struct field BulkGetRequest.parallelism of type int",
    ],
  ];
  for (const [body, reason] of cases) {
    const answer = await send("POST", "/v1.0/state/s/bulk", body);
    const message = `failed deserializing HTTP body: ${reason}`;
    assert.deepEqual([answer.status, answer.json()], [400, { errorCode: "ERR_MALFORMED_REQUEST", message }], body);
  }
});

test("single reads of a bulk get fail one by one", async () => {
  const { send, store } = open(["bulkGet"]);
  store.fault = new Error("no luck");
  const answer = await send("POST", "/v1.0/state/s/bulk", '{"keys":["a","b"]}');
  assert.equal(answer.text, '[{"key":"a","error":"no luck"},{"key":"b","error":"no luck"}]\n');
});

test("a transaction runs in order; metadata of the request stays with the request", async () => {
  const { send, last, stored } = open();
  const operations = [
    { operation: "upsert", request: { Key: "a", value: { z: 1, b: 2 }, etag: null, metadata: { own: "1" } } },
    { operation: "delete", request: { key: "b" } },
    { operation: "upsert", request: { value: 1 } },
    { operation: "upsert" },
  ];
  const body = JSON.stringify({ operations, metadata: { ttlInSeconds: "5", m: "body" } });
  assert.equal((await send("POST", "/v1.0/state/s/transaction?metadata.m=query", body)).status, 204);
  const seen = last() as { operations: { kind: string; request: Record<string, unknown> }[]; metadata: unknown };
  assert.deepEqual(seen.metadata, { ttlInSeconds: "5", m: "query" });
  assert.deepEqual(
    seen.operations.map(({ kind, request }) => [kind, request["key"], request["metadata"]]),
    [
      ["upsert", "app||a", { own: "1", m: "query" }],
      ["delete", "app||b", { m: "query" }],
      ["upsert", "app||", { m: "query" }],
      ["upsert", "app||", { m: "query" }],
    ],
  );
  assert.deepEqual([stored("a"), stored("")], ['{"b":2,"z":1}', "null"]);
});

test("a transaction of nothing is 204 and reaches no store", async () => {
  const { store, send } = open();
  for (const body of ["{}", "null", '{"operations":[]}'])
    assert.equal((await send("POST", "/v1.0/state/s/transaction", body)).status, 204, body);
  assert.deepEqual(store.seen, []);
});

test("malformed transactions are refused in upstream's words", async () => {
  const of = (request: string) => `{"operations":[{"operation":"upsert","request":${request}}]}`;
  const cases: readonly (readonly [string, string])[] = [
    ["", "EOF"],
    ["[]", "json: cannot unmarshal array into Go value of type http.stateTransactionRequestBody"],
    [
      '{"operations":[{"operation":1}]}',
      "json: cannot unmarshal number into Go struct field stateTransactionRequestBodyOperation.operations.operation of type string",
    ],
    [of("[]"), "'' expected a map, got 'slice'"],
    [of('"x"'), "'' expected a map, got 'string'"],
    [of("5"), "'' expected a map, got 'float64'"],
    [
      of('{"key":1.5e30}'),
      "1 error(s) decoding:\n\n* 'Key' expected type 'string', got unconvertible type 'float64', value: '1.5e+30'",
    ],
    [
      of('{"key":{"b":[1,null],"a":0.00001}}'),
      "1 error(s) decoding:\n\n* 'Key' expected type 'string', got unconvertible type 'map[string]interface {}', value: 'map[a:1e-05 b:[1 <nil>]]'",
    ],
    [
      of('{"key":"k","metadata":[],"options":""}'),
      "2 error(s) decoding:\n\n* 'Metadata' expected a map, got 'slice'\n* 'Options' expected a map, got 'string'",
    ],
    [
      of('{"etag":2,"contentType":3,"metadata":{"b":true}}'),
      "3 error(s) decoding:\n\n* 'ContentType' expected type 'string', got unconvertible type 'float64', value: '3'\n* 'ETag' expected type 'string', got unconvertible type 'float64', value: '2'\n* 'Metadata[b]' expected type 'string', got unconvertible type 'bool', value: 'true'",
    ],
  ];
  const { send } = open();
  for (const [body, reason] of cases) {
    const answer = await send("POST", "/v1.0/state/s/transaction", body);
    const message = `failed deserializing HTTP body: ${reason}`;
    assert.deepEqual([answer.status, answer.json()], [400, { errorCode: "ERR_MALFORMED_REQUEST", message }], body);
  }
});

test("query answers rows, token and metadata, or 204", async () => {
  const { send, put, last } = open();
  const query =
    '{"filter":{"EQ":{"a.b":1}},"sort":[{"key":"x","order":"DESC"},{"key":"y"}],"page":{"limit":3,"token":"t"}}';
  assert.equal((await send("POST", "/v1.0-alpha1/state/s/query", query)).status, 204);
  put("k", '{"a": 1}');
  const answer = await send("POST", "/v1.0-alpha1/state/s/query?metadata.contentType=application/json", query);
  assert.equal(answer.text, '{"results":[{"key":"k","data":{"a":1},"etag":"1"}],"token":"3"}\n');
  assert.deepEqual(last(), {
    filter: { op: "EQ", key: "a.b", value: 1 },
    sort: [
      { key: "x", order: "DESC" },
      { key: "y", order: "ASC" },
    ],
    page: { limit: 3, token: "t" },
    metadata: { contentType: "application/json" },
    keyPrefix: "app||",
  });
});
