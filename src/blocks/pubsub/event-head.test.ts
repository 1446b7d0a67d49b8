import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeUtf8 } from "../../kit/bytes.ts";
import { writeCloudEvent } from "./cloudevent.ts";
import { readEventHead } from "./event-head.ts";
import { readCloudEvent } from "./receive.ts";

const parts = {
  topic: "orders",
  pubsubName: "pubsub",
  source: "shop",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  tracestate: "",
  metadata: null,
  time: "2030-01-31T12:00:00Z",
  expiration: undefined,
  newId: () => "1",
};

/** What the whole event says, without its payload. */
function headOf(bytes: Uint8Array): Record<string, unknown> {
  const { data: _, data_base64: __, ...head } = readCloudEvent(bytes);
  return head;
}

test("the head of an event that was put around any payload is that of the whole event", () => {
  const payload = fc.oneof(
    fc.tuple(fc.constant("application/json"), fc.json()),
    fc.tuple(fc.constant("application/json"), fc.constant('{"x":{"a":1,"datacontenttype":"b","id":"2","type":"t"}}')),
    fc.tuple(fc.constant("text/plain"), fc.string({ unit: "binary" })),
    fc.tuple(fc.constant("text/plain"), fc.constant(',"datacontenttype":"x","id":"2"}')),
    fc.tuple(fc.constant("application/octet-stream"), fc.string()),
  );
  fc.assert(
    fc.property(payload, fc.string(), fc.boolean(), ([contentType, text], tracestate, expires) => {
      const expiration = expires ? "2030-01-31T13:00:00Z" : undefined;
      const data = encodeUtf8(text);
      const bytes = encodeUtf8(writeCloudEvent({ ...parts, payload: { data }, contentType, tracestate, expiration }));
      assert.deepEqual({ ...readEventHead(bytes) }, headOf(bytes));
    }),
  );
});

test("events of another make are left to be read as a whole", () => {
  const ours = writeCloudEvent({ ...parts, payload: { data: encodeUtf8("{}") }, contentType: "application/json" });
  assert.notEqual(readEventHead(encodeUtf8(ours)), undefined);
  for (const other of [
    "",
    "{}",
    "[]",
    "{",
    ours.slice(0, -1),
    `${ours} `,
    ours.replace('{"data"', '{"about":1,"data"'),
    ours.replace('"type":"', '"type":1,"x":"'),
    ours.replace('"datacontenttype"', '"dataContentType"'),
    `{"data":${ours}}`,
    `{"data":[${ours.slice(0, -1)}]}`,
    '{"data":1,"datacontenttype":"a","id":"1","type":"t"}',
    ours.replace('"orders"', `"${"o".repeat(3000)}"`),
  ])
    assert.equal(readEventHead(encodeUtf8(other)), undefined, other.slice(0, 80));
});
