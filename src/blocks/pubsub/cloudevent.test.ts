import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createPubSubWorld } from "../../../test/harness/pubsub-world.ts";
import { encodeUtf8 } from "../../kit/bytes.ts";
import { hasExpired } from "./cloudevent.ts";
import { isProtobufEvent } from "./content-type.ts";
import { localTime, utcTime } from "./event-time.ts";
import { decodeExactJson } from "./exact-json.ts";

const publish = async (body: string | Uint8Array, contentType?: string, query = "", traceparent?: string) => {
  const world = createPubSubWorld(traceparent === undefined ? {} : { traceparent });
  const answer = await world.post(`v1.0/publish/bus/t${query}`, body, contentType);
  assert.equal(answer.status, 204, answer.text);
  return world;
};
const time = localTime(Date.UTC(2024, 0, 2, 3, 4, 5));

test("an envelope has sorted keys, Go's escapes and every field", async () => {
  const { eventText, event } = await publish("<a&b>\u2028", "text/plain; charset=utf-8");
  const { id } = event();
  assert.match(String(id), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(
    eventText(),
    `{"data":"\\u003ca\\u0026b\\u003e\\u2028","datacontenttype":"text/plain; charset=utf-8","id":"${id}","pubsubname":"bus","source":"app","specversion":"1.0","time":"${time}","topic":"t","traceid":"","traceparent":"","tracestate":"","type":"com.dapr.event.sent"}`,
  );
});

test("no content type means text", async () => {
  const { event } = await publish(encodeUtf8("x"));
  assert.equal(event()["datacontenttype"], "text/plain");
  assert.equal(event()["data"], "x");
});

test("JSON data is taken over with its numbers, anything else that claims to be JSON is a text", async () => {
  for (const [body, written] of [
    [
      ' { "b" : 1.0 , "a" : [ 1E5, -0, 12345678901234567890, 0.10, 5e-7 ] } ',
      '{"a":[1E5,-0,12345678901234567890,0.10,5e-7],"b":1.0}',
    ],
    ['{"a":"<1.0>\\u0001\\u0002"}', '{"a":"\\u003c1.0\\u003e\\u0001\\u0002"}'],
    ["1.0 garbage", "1.0"],
    ["null", "null"],
    ['{"a":1,"a":2.50}', '{"a":2.50}'],
    ["", '""'],
    ["{oops", '"{oops"'],
  ] as const)
    for (const type of ["application/json", "Application/JSON; charset=utf-8"]) {
      const { eventText } = await publish(body, type);
      assert.ok(eventText().startsWith(`{"data":${written},"datacontenttype":"${type}"`), `${body}: ${eventText()}`);
    }
});

test("JSON by another name is text", async () => {
  const { event } = await publish('{"a":1}', "application/vnd.x+json");
  assert.equal(event()["data"], '{"a":1}');
});

test("binary data travels in base64", async () => {
  const bytes = new Uint8Array([0, 1, 255]);
  for (const type of ["application/octet-stream", "application/cloudevents+protobuf"]) {
    const { eventText } = await publish(bytes, type);
    assert.ok(eventText().startsWith(`{"data_base64":"AAH/","datacontenttype":"${type}"`));
  }
  const message = new Uint8Array([0x0a, 1, 0x61, 0x10, 5]);
  assert.equal((await publish(message, "application/x-protobuf")).event()["data_base64"], "CgFhEAU=");
  assert.equal((await publish("plain text", "application/x-protobuf")).event()["data"], "plain text");
});

test("metadata overrides some fields, in any case, and not others", async () => {
  const query = [
    "id=i",
    "SOURCE=s",
    "type=y",
    "subject=j",
    "traceid=1",
    "tracestate=st",
    "topic=no",
    "data=no",
    "time=no",
    "custom=no",
  ]
    .map((pair) => `metadata.cloudEvent.${pair}`)
    .join("&");
  const { eventText } = await publish("x", "text/plain", `?${query}`);
  assert.equal(
    eventText(),
    `{"data":"x","datacontenttype":"text/plain","id":"i","pubsubname":"bus","source":"s","specversion":"1.0","subject":"j","time":"${time}","topic":"t","traceid":"1","traceparent":"1","tracestate":"st","type":"y"}`,
  );
  const parent = await publish("x", "text/plain", "?metadata.cloudevent.traceid=1&metadata.cloudevent.traceparent=2");
  assert.deepEqual([parent.event()["traceid"], parent.event()["traceparent"]], ["2", "2"]);
  const empty = await publish("x", "text/plain", "?metadata.cloudevent.source=&metadata.cloudevent.type=");
  assert.deepEqual([empty.event()["source"], empty.event()["type"]], ["Dapr", "com.dapr.event.sent"]);
});

test("the caller's trace context goes into the envelope", async () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const { event } = await publish("x", "text/plain", "", traceparent);
  assert.deepEqual([event()["traceid"], event()["traceparent"]], [traceparent, traceparent]);
});

test("a CloudEvent is completed and otherwise left alone", async () => {
  const type = "application/cloudevents+json; charset=utf-8";
  const full = `{"id":"1","source":"s","type":"y","specversion":"0.3","time":"then","traceid":"tr","tracestate":"ts","ext":{"b":1.0,"a":"<"},"topic":"x","pubsubname":"x","data":1.10}`;
  assert.equal(
    (await publish(full, type, "?metadata.cloudevent.type=no")).eventText(),
    `{"data":1.10,"ext":{"a":"\\u003c","b":1.0},"id":"1","pubsubname":"bus","source":"s","specversion":"0.3","time":"then","topic":"t","traceid":"tr","tracestate":"ts","type":"y"}`,
  );
  assert.equal(
    (await publish("{}", type)).eventText(),
    `{"pubsubname":"bus","source":"Dapr","specversion":"1.0","time":"${time}","topic":"t","traceid":"","traceparent":"","tracestate":"","type":"com.dapr.event.sent"}`,
  );
  assert.equal((await publish('{"source":null}', type)).event()["source"], "Dapr");
});

test("a time to live becomes an expiration, unless the broker keeps it", async () => {
  const expiration = async (value: string, key = "ttlInSeconds") =>
    (await publish("x", "text/plain", `?metadata.${key}=${value}`)).event()["expiration"];
  assert.equal(await expiration("60"), "2024-01-02T03:05:05Z");
  assert.equal(await expiration("60", "TTL"), "2024-01-02T03:05:05Z");
  assert.equal(await expiration("1m30s"), "2024-01-02T03:05:35Z");
  for (const value of ["0", "-5s"]) assert.equal(await expiration(value), "2024-01-02T03:04:05Z", value);
  for (const value of ["-5", "soon", ""]) assert.equal(await expiration(value), undefined, value);
  assert.equal(await expiration("99999999999999"), "9999-12-31T23:59:59Z");
  const keeping = createPubSubWorld({ features: ["MESSAGE_TTL"] });
  await keeping.post("v1.0/publish/bus/t?metadata.ttlInSeconds=60", "x");
  assert.equal(keeping.event()["expiration"], undefined);
  assert.deepEqual(keeping.driver.published[0]?.metadata, { ttlInSeconds: "60" });
});

test("events expire when their time is over, and not by texts that are no time", () => {
  const now = Date.UTC(2024, 0, 1);
  assert.equal(hasExpired({ expiration: "2023-12-31T23:59:59Z" }, now), true);
  assert.equal(hasExpired({ expiration: "2024-01-01T01:00:00+02:00" }, now), true);
  for (const expiration of ["2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z", "yesterday", "", 5, null, undefined])
    assert.equal(hasExpired({ expiration }, now), false, String(expiration));
});

test("times have whole seconds; the local one carries its offset", () => {
  const at = Date.UTC(2024, 6, 1, 12, 0, 0, 999);
  assert.equal(utcTime(at), "2024-07-01T12:00:00Z");
  assert.equal(Date.parse(localTime(at)), at - 999);
});

test("exact JSON: writing is stable, and means the same value", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), (text) => {
      const first = decodeExactJson(encodeUtf8(text));
      const written = first.write(first.value);
      const second = decodeExactJson(encodeUtf8(written));
      assert.equal(second.write(second.value), written);
      assert.deepEqual(JSON.parse(written), JSON.parse(JSON.stringify(JSON.parse(text))));
    }),
  );
});

test("exact JSON: numbers come out as they went in, wherever they stand", () => {
  const number = fc
    .tuple(
      fc.constantFrom("", "-"),
      fc.oneof(fc.constant("0"), fc.bigInt({ min: 1n, max: 10n ** 30n }).map(String)),
      fc.oneof(fc.constant(""), fc.stringMatching(/^\.[0-9]{1,20}$/)),
      fc.oneof(fc.constant(""), fc.stringMatching(/^[eE][+-]?[0-9]{1,3}$/)),
    )
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.array(number), fc.string(), (numbers, text) => {
      const source = `{"a":[${numbers.join(" , ")}],"b":${JSON.stringify(text)}}`;
      const json = decodeExactJson(encodeUtf8(source));
      const written = json.write(json.value);
      assert.ok(written.startsWith(`{"a":[${numbers.join(",")}],"b":`), written);
      assert.equal((JSON.parse(written) as { b: string }).b, text.toWellFormed());
    }),
  );
});

test("any data makes an envelope that is JSON and gives the data back", async () => {
  const types = fc.constantFrom("", "text/plain", "application/json", "application/octet-stream", "image/png");
  await fc.assert(
    fc.asyncProperty(fc.uint8Array(), types, fc.dictionary(fc.string(), fc.string()), async (data, type, metadata) => {
      const world = createPubSubWorld();
      const broker = world.pubsub.broker("bus", null);
      const call = { signal: new AbortController().signal, trace: { traceparent: "", tracestate: "", baggage: "" } };
      await world.pubsub.publisher.publish(
        broker,
        { topic: "t", data, contentType: type, metadata, isRaw: false },
        call,
      );
      const event = world.event();
      assert.equal(event["datacontenttype"], type || "text/plain");
      if (type === "application/octet-stream")
        assert.deepEqual([...Uint8Array.from(atob(String(event["data_base64"])), (c) => c.charCodeAt(0))], [...data]);
      else if (type !== "application/json")
        assert.equal(event["data"], new TextDecoder("utf-8", { ignoreBOM: true }).decode(data));
    }),
    { numRuns: 60 },
  );
});

test("protocol buffers are told from other bytes", () => {
  const type = "application/x-protobuf";
  assert.equal(isProtobufEvent(type, new Uint8Array()), true);
  assert.equal(isProtobufEvent(type, new Uint8Array([0x0a, 2, 0xff, 0xff])), false);
  assert.equal(isProtobufEvent(type, new Uint8Array([0x32, 2, 0xff, 0xff])), true);
  assert.equal(isProtobufEvent(type, new Uint8Array([0x0a, 9, 0x61])), false);
  assert.equal(isProtobufEvent(type, new Uint8Array([0x00])), false);
  assert.equal(isProtobufEvent("text/plain", new Uint8Array()), false);
});
