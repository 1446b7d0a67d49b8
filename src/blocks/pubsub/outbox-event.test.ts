import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeUtf8, encodeUtf8 } from "../../kit/bytes.ts";
import { encodeGoJson } from "../../kit/go-json.ts";
import { writeOutboxEvent } from "./outbox-event.ts";

const envelope = {
  id: "outbox-1",
  source: "orders",
  pubsubName: "bus",
  topic: "tö<pic",
  traceparent: "",
  tracestate: "",
  time: "2026-11-22T00:00:00Z",
};
const types = [
  "",
  "text/plain",
  "application/json",
  "Application/JSON",
  "application/json; charset=utf-8",
  "application/vnd.x+json",
  "application/octet-stream",
  "application/x-protobuf",
  "application/cloudevents+protobuf",
];
const values: unknown[] = ["", "plain", 'quo"ted', "<ü\u2028\n>", '{"a":1}', { b: 1, a: "<" }, 12.5, null];

test("an event is the same whether the JSON of its data is known or not", () => {
  for (const contentType of types)
    for (const value of values) {
      const isJson = contentType.toLowerCase() === "application/json";
      if (!isJson && typeof value !== "string") continue;
      const json = encodeUtf8(encodeGoJson(value, { sortKeys: true }));
      const data = isJson ? decodeUtf8(json) : (value as string);
      for (const attributes of [{}, { subject: "s", data: "no" }] as Record<string, string>[]) {
        const known = writeOutboxEvent({ data, json, contentType, attributes }, envelope);
        const unknown = writeOutboxEvent({ data, contentType, attributes }, envelope);
        assert.equal(decodeUtf8(known), decodeUtf8(unknown), `${contentType} ${JSON.stringify(value)}`);
        const event = JSON.parse(decodeUtf8(known)) as Record<string, unknown>;
        const isBytes =
          /octet|protobuf/.test(contentType) && !(contentType === "application/x-protobuf" && value !== "");
        if (isBytes) assert.equal(event["data_base64"], btoa(String.fromCharCode(...encodeUtf8(data))));
        else if (isJson || (contentType.startsWith("application/json") && data === '{"a":1}'))
          assert.deepEqual(event["data"], JSON.parse(data));
        else assert.equal(event["data"], value);
        assert.equal(event["datacontenttype"], contentType || "text/plain");
        assert.equal(event["topic"], "tö<pic");
      }
    }
});
