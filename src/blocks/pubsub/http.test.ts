import assert from "node:assert/strict";
import { test } from "node:test";
import { createPubSubWorld } from "../../../test/harness/pubsub-world.ts";
import { pubsubHttp } from "./http.ts";

const json = "application/json";
const info = (reason: string, metadata: unknown) => ({
  "@type": "type.googleapis.com/google.rpc.ErrorInfo",
  domain: "dapr.io",
  metadata,
  reason,
});
const resource = (description: string) => ({
  "@type": "type.googleapis.com/google.rpc.ResourceInfo",
  description,
  owner: "",
  resource_name: "bus",
  resource_type: "pubsub",
});

test("the routes of the publish API", () => {
  assert.deepEqual(
    pubsubHttp(createPubSubWorld().pubsub).map(({ methods, version, path, group }) => [
      methods.join(),
      version,
      path,
      group,
    ]),
    [
      ["POST,PUT", "v1.0", "/publish/:pubsubName/*topic", "publish"],
      ["POST,PUT", "v1.0", "/publish/bulk/:pubsubName/*topic", "publish"],
      ["POST,PUT", "v1.0-alpha1", "/publish/bulk/:pubsubName/*topic", "publish"],
    ],
  );
});

test("topics keep slashes that are escaped and lose those that cleaning takes", async () => {
  const { post, driver } = createPubSubWorld();
  for (const [given, topic] of [
    ["a", "a"],
    ["a/b", "a/b"],
    ["a//b", "a/b"],
    ["a/./b/", "a/b"],
    ["%2Fa%2F", "/a/"],
    ["a+b%2B", "a b+"],
  ] as const) {
    assert.equal((await post(`v1.0/publish/bus/${given}`, "x")).status, 204, given);
    assert.equal(driver.published.at(-1)?.topic, topic);
  }
  for (const path of ["v1.0/publish/bus", "v1.0/publish/bus/", "v1.0/publish/bulk"])
    assert.match((await post(path, "x")).text, /ERR_DIRECT_INVOKE/, path);
  assert.match((await post("v1.0/publish/bulk/bus", "x")).text, /pubsub bulk is not found/);
});

test("an unknown broker is reported first, with the metadata of the request", async () => {
  const { post } = createPubSubWorld();
  const refused = await post("v1.0/publish/no/t?metadata.a=1&metadata.rawPayload=x", "x");
  assert.equal(refused.status, 404);
  assert.deepEqual(JSON.parse(refused.text), {
    errorCode: "ERR_PUBSUB_NOT_FOUND",
    message: "pubsub no is not found",
    details: [info("DAPR_PUBSUB_NOT_FOUND", { a: "1", rawPayload: "x" })],
  });
  const bare = await post("v1.0/publish/no/t", "x");
  assert.deepEqual(JSON.parse(bare.text).details[0].metadata, {});
});

test("a raw payload flag that is no boolean", async () => {
  const { post } = createPubSubWorld();
  const message = "failed deserializing metadata. Error: rawPayload value must be a valid boolean: actual is 'maybe'";
  for (const path of ["publish", "publish/bulk"]) {
    const refused = await post(`v1.0/${path}/bus/t?metadata.rawPayload=maybe`, "{");
    assert.equal(refused.status, 400);
    assert.deepEqual(JSON.parse(refused.text), {
      errorCode: "ERR_PUBSUB_REQUEST_METADATA",
      message,
      details: [resource(message), info("DAPR_PUBSUB_METADATA_DESERIALIZATION", { rawPayload: "maybe" })],
    });
  }
});

test("a CloudEvent body that is no object", async () => {
  const { post } = createPubSubWorld();
  const refused = await post("v1.0/publish/bus/t", "[1]", "application/cloudevents+json");
  assert.equal(refused.status, 500);
  assert.deepEqual(JSON.parse(refused.text), {
    errorCode: "ERR_PUBSUB_CLOUD_EVENTS_SER",
    message: "cannot create cloudevent",
    details: [
      resource("cannot create cloudevent"),
      info("DAPR_PUBSUB_CLOUD_EVENT_CREATION", {
        appID: "app",
        error: "json: cannot unmarshal array into Go value of type map[string]interface {}",
      }),
    ],
  });
  assert.match((await post("v1.0/publish/bus/t", "{", "application/cloudevents+json")).text, /unexpected EOF/);
});

test("a topic outside the scope", async () => {
  const { post, driver, counts } = createPubSubWorld({ properties: { publishingScopes: "app=a,b;other=t" } });
  const message = "topic t is not allowed for app id app";
  for (const [path, body] of [
    ["publish", "x"],
    ["publish/bulk", "[]"],
  ]) {
    const refused = await post(`v1.0/${path}/bus/t`, body!);
    assert.equal(refused.status, 403);
    assert.deepEqual(JSON.parse(refused.text), {
      errorCode: "ERR_PUBSUB_FORBIDDEN",
      message,
      details: [resource(message), info("DAPR_PUBSUB_FORBIDDEN", { topic: "t", error: message })],
    });
  }
  assert.equal((await post("v1.0/publish/bus/b", "x")).status, 204);
  assert.equal(driver.published.length, 1);
  assert.deepEqual(counts, [
    ["published", "bus", "t", false],
    ["bulkPublished", "bus", "t", false, 0],
    ["published", "bus", "b", true],
  ]);
});

test("a failing broker", async () => {
  const { post, driver, counts } = createPubSubWorld();
  driver.fault = { error: new Error("no room") };
  const refused = await post("v1.0/publish/bus/t", "x");
  const message = "error when publishing to topic t in pubsub bus: no room";
  assert.equal(refused.status, 500);
  assert.deepEqual(JSON.parse(refused.text), {
    errorCode: "ERR_PUBSUB_PUBLISH_MESSAGE",
    message,
    details: [resource(message), info("DAPR_PUBSUB_PUBLISH_MESSAGE", { topic: "t", error: "no room" })],
  });
  assert.deepEqual(counts, [["published", "bus", "t", false]]);
});

test("a body that is too large", async () => {
  const { post } = createPubSubWorld({ bodyLimit: 3 });
  const single = await post("v1.0/publish/bus/t", "1234");
  assert.equal(single.status, 500);
  assert.equal(JSON.parse(single.text).message, "error when publishing to topic t in pubsub bus: stream too large");
  const bulk = await post("v1.0/publish/bulk/bus/t", "[1,2]");
  assert.equal(bulk.status, 400);
  assert.equal(JSON.parse(bulk.text).errorCode, "ERR_PUBSUB_EVENTS_SER");
});

test("raw payloads go out as they are, with the metadata of the query", async () => {
  const { post, driver } = createPubSubWorld();
  const data = new Uint8Array([0, 255]);
  const path = "v1.0/publish/bus/t?metadata.rawPayload=true&metadata.partitionKey=k&metadata.partitionKey=l&x=1";
  assert.equal((await post(path, data, json, "PUT")).status, 204);
  assert.deepEqual(
    [...driver.published],
    [{ topic: "t", data, contentType: "", metadata: { rawPayload: "true", partitionKey: "k" }, wire: "http" }],
  );
});

test("a broker per namespace gets topics with the namespace in front, the event does not", async () => {
  const { post, driver, event } = createPubSubWorld({ isNamespaced: true });
  await post("v1.0/publish/bus/t", "x");
  assert.equal(driver.published[0]?.topic, "nst");
  assert.equal(event()["topic"], "t");
});

test("bulk publish checks in upstream's order and answers in its words", async () => {
  const { post, driver } = createPubSubWorld();
  const message = async (body: string, status = 400) => {
    const refused = await post("v1.0/publish/bulk/bus/t", body);
    assert.equal(refused.status, status, body);
    const { errorCode, message: text, details } = JSON.parse(refused.text);
    assert.equal(errorCode, status === 400 ? "ERR_PUBSUB_EVENTS_SER" : "ERR_PUBSUB_CLOUD_EVENTS_SER");
    return [text, details.at(-1).reason, details.at(-1).metadata];
  };
  const unread = "error when unmarshaling the request for topic t pubsub bus: ";
  assert.deepEqual(await message(""), [`${unread}EOF`, "DAPR_PUBSUB_UNMARSHAL_EVENTS", { appID: "app" }]);
  assert.equal(
    (await message("{}"))[0],
    `${unread}json: cannot unmarshal object into Go value of type []http.bulkPublishMessageEntry`,
  );
  const ids = "entryId is duplicated or not present for entry";
  const twice = `[{"entryId":"1","event":"a","contentType":"text/plain"},{"entryId":"1","event":"a","contentType":"text/plain"}]`;
  for (const body of [`[{"event":"a","contentType":"text/plain"}]`, twice])
    assert.deepEqual(await message(body), [
      `error marshaling events to bytes for topic t pubsub bus. error: ${ids}`,
      "DAPR_PUBSUB_MARSHAL_EVENTS",
      { appID: "app", error: ids },
    ]);
  const envelope = "error when marshalling cloud event envelope for topic t pubsub bus: ";
  const mismatch = "error: mismatch between contentType and event";
  for (const entry of [
    `"event":1,"contentType":"text/plain"`,
    `"event":{},"contentType":"application/octet-stream"`,
    `"event":"a"`,
    `"event":"a","contentType":"image/png"`,
  ])
    assert.deepEqual(await message(`[{"entryId":"",${entry}}]`), [
      envelope + mismatch,
      "DAPR_PUBSUB_MARSHAL_ENVELOPE",
      { appID: "app", error: mismatch },
    ]);
  assert.equal(
    (await message(`[{"entryId":"1","event":"a*","contentType":"application/octet-stream"}]`))[0],
    `${envelope}error: unable to decode base64 application/octect-stream data: illegal base64 data at input byte 1`,
  );
  await message(`[{"entryId":"1","event":[],"contentType":"application/cloudevents+json"}]`, 500);
  assert.equal(driver.published.length, 0);
});

test("bulk publish sends entries one by one where the broker has no bulk", async () => {
  const { post, driver, counts } = createPubSubWorld();
  for (const body of ["[]", "null"]) assert.equal((await post("v1.0/publish/bulk/bus/t", body)).status, 204);
  assert.equal(driver.published.length, 0);
  const entries = [
    { entryId: "1", event: { n: 1 }, contentType: json, metadata: { own: "1", "cloudevent.type": "x" } },
    { entryId: "2", event: "text", contentType: "text/plain" },
    { entryId: "3", event: "AQI=", contentType: "application/octet-stream" },
    { entryId: "4", contentType: json },
  ];
  const done = await post("v1.0-alpha1/publish/bulk/bus/t?metadata.all=1", JSON.stringify(entries));
  assert.deepEqual([done.status, done.text], [204, ""]);
  const events = driver.published.map(({ data }) => JSON.parse(new TextDecoder().decode(data)));
  assert.deepEqual(
    events.map(({ data, data_base64, type }) => data ?? data_base64 ?? type),
    [{ n: 1 }, "text", "AQI=", "com.dapr.event.sent"],
  );
  assert.equal(events[0].type, "x");
  assert.deepEqual(
    driver.published.map(({ metadata }) => metadata),
    [{ own: "1", "cloudevent.type": "x", all: "1" }, {}, {}, {}],
  );
  assert.deepEqual(counts.at(-1), ["bulkPublished", "bus", "t", true, 4]);
});

test("numbers of a bulk pass through doubles", async () => {
  const { post, eventText } = createPubSubWorld();
  await post("v1.0/publish/bulk/bus/t", `[{"entryId":"1","event":1.0,"contentType":"${json}"}]`);
  assert.match(eventText(), /^\{"data":1,/);
});

test("entries that a broker did not take are named", async () => {
  const { post, driver, counts } = createPubSubWorld({ features: ["BULK_PUBLISH"] });
  const entry = (entryId: string, fail?: string) => ({
    entryId,
    event: entryId,
    contentType: "text/plain",
    metadata: fail === undefined ? undefined : { fail },
  });
  const refused = await post("v1.0/publish/bulk/bus/t", JSON.stringify([entry("1"), entry("2", "fullé\n")]));
  assert.equal(refused.status, 500);
  const body = '{"failedEntries":[{"entryId":"2","error":"fullé\\n"}],"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE"}';
  assert.equal(refused.text, body);
  const header = (name: string) =>
    new TextDecoder().decode(Uint8Array.from(refused.headers.get(name) ?? "", (letter) => letter.charCodeAt(0)));
  assert.equal(header("metadata.responseData"), body);
  assert.equal(
    header("metadata.error"),
    "api error: code = Internal desc = error when publishing to topic t in pubsub bus: fullé",
  );
  assert.equal(driver.bulks[0]?.entries.length, 2);
  assert.deepEqual(counts, [["bulkPublished", "bus", "t", false, 1]]);
  driver.fault = { error: new Error("gone") };
  const all = await post("v1.0/publish/bulk/bus/t", JSON.stringify([entry("1"), entry("2")]));
  assert.deepEqual(
    JSON.parse(all.text).failedEntries,
    ["1", "2"].map((entryId) => ({ entryId, error: "gone" })),
  );
});
