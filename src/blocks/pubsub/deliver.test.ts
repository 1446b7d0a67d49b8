import assert from "node:assert/strict";
import { test } from "node:test";
import { createPubSubWorld, type PubSubWorldOptions, worldStart } from "../../../test/harness/pubsub-world.ts";
import type { Delivery } from "../../driver/pubsub.ts";
import { encodeUtf8 } from "../../kit/bytes.ts";
import type { HttpCall, HttpReply } from "../../kit/http-message.ts";
import { createHttpSubscriber } from "./deliver-http.ts";
import type { DeclaredSubscription } from "./subscriptions.ts";

type Answer = Omit<HttpReply, "headers"> | Error;
const answer = (status: number, body: unknown = null): Answer => ({
  status,
  body: body === null ? null : encodeUtf8(typeof body === "string" ? body : JSON.stringify(body)),
});

const plain: DeclaredSubscription = {
  name: "sub",
  pubsubName: "bus",
  topic: "t",
  metadata: {},
  rules: [{ match: "", path: "/take" }],
  deadLetterTopic: "",
  bulkSubscribe: { enabled: false, maxMessagesCount: 0, maxAwaitDurationMs: 0 },
};

/** One subscription of an HTTP app that gives these answers, the last one for ever. */
async function open(
  answers: readonly Answer[],
  spec: Partial<DeclaredSubscription> = {},
  more: PubSubWorldOptions = {},
) {
  const calls: HttpCall[] = [];
  const lines: string[] = [];
  const log = {
    debug() {},
    info() {},
    warn: (line: string) => void lines.push(line),
    error: (line: string) => void lines.push(line),
  };
  const app = createHttpSubscriber({
    appId: "app",
    channel: {
      async call(call) {
        calls.push(call);
        const next = answers[Math.min(calls.length, answers.length) - 1]!;
        if (next instanceof Error) throw next;
        return { headers: [], ...next };
      },
    },
    beginSpan: (_, parent) => parent,
    log,
  });
  const world = createPubSubWorld({ app, asksApp: false, ...more });
  await world.pubsub.subscriptions.declare([{ ...plain, ...spec }]);
  await world.pubsub.subscriptions.start();
  const event = (fields: object) => encodeUtf8(JSON.stringify({ id: "1", topic: "t", ...fields }));
  return {
    ...world,
    calls,
    appLines: lines,
    event,
    body: () => new TextDecoder().decode(calls.at(-1)?.body as Uint8Array),
  };
}

/** How many entries of bulks were counted, by what became of them. */
function entryCounts(counts: readonly (readonly unknown[])[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [kind, , , status, entries] of counts)
    if (kind === "bulkEntries") sums[String(status)] = (sums[String(status)] ?? 0) + Number(entries);
  return sums;
}

test("an event is posted as it came, metadata become headers", async () => {
  const { driver, calls, event } = await open([answer(200)]);
  const data = event({ traceparent: "00-a-b-01", tracestate: "x=1", data: "1.0" });
  const metadata = { partitionkey: "k", "cloudevent.type": "ü", "Content-Type": "no", "bad name": "x", bad: "a\nb" };
  assert.equal(await driver.deliver({ topic: "t", data, metadata }), "ack");
  assert.deepEqual(calls, [
    {
      method: "POST",
      path: "/take",
      query: "",
      headers: [
        ["Content-Type", "application/cloudevents+json"],
        ["Partitionkey", "k"],
        ["Cloudevent.type", "ü"],
        ["Pubsubname", "bus"],
        ["traceparent", "00-a-b-01"],
        ["tracestate", "x=1"],
        // The id is another one each time.
        ["dapr-delivery-id", calls[0]?.headers.at(-1)?.[1] ?? ""],
      ],
      body: data,
    },
  ]);
});

test("the app's answer decides", async () => {
  const cases: [Answer, Delivery, string][] = [
    [answer(200), "ack", "success"],
    [answer(204, ""), "ack", "success"],
    [answer(299, "{oops"), "ack", "success"],
    [answer(200, "[]"), "ack", "success"],
    [answer(200, { status: "" }), "ack", "success"],
    [answer(200, { STATUS: "SUCCESS" }), "ack", "success"],
    [answer(200, { status: 5 }), "ack", "success"],
    [answer(200, { status: "RETRY" }), "retry", "retry"],
    [answer(200, { status: "success" }), "retry", "retry"],
    [answer(200, { status: "DROP" }), "ack", "drop"],
    [answer(404, "not here"), "ack", "drop"],
    [answer(301), "retry", "retry"],
    [answer(400), "retry", "retry"],
    [answer(500), "retry", "retry"],
    [new Error("EOF"), "retry", "retry"],
  ];
  for (const [given, delivery, status] of cases) {
    const { driver, event, counts } = await open([given]);
    assert.equal(await driver.deliver({ topic: "t", data: event({}) }), delivery, JSON.stringify(given));
    assert.equal(counts.at(-1)?.[3], status);
    // What goes back to the broker is counted once more.
    assert.equal(counts.length, delivery === "retry" ? 2 : 1);
  }
});

test("an answer 404 is counted as refused, the word of the app as done", async () => {
  for (const [given, status] of [
    [answer(404), ""],
    [answer(200, { status: "DROP" }), "success"],
  ] as const) {
    const { driver, event, counts } = await open([given]);
    await driver.deliver({ topic: "t", data: event({}) });
    assert.deepEqual(counts, [["delivered", "bus", "t", "drop", status]]);
  }
});

test("what is dropped or fails goes to the dead letters as it came", async () => {
  for (const given of [answer(404), answer(200, { status: "DROP" }), answer(500)]) {
    const { driver, event } = await open([given], { deadLetterTopic: "dead" });
    const data = event({ x: 1.5 });
    assert.equal(await driver.deliver({ topic: "t", data, contentType: "c", metadata: { a: "1" } }), "ack");
    assert.deepEqual(
      [...driver.published],
      [{ topic: "dead", data, contentType: "c", metadata: { a: "1", pubsubName: "bus" }, deadLetterOf: "t" }],
    );
  }
});

test("when the dead letters cannot be written the message goes back", async () => {
  for (const given of [answer(404), answer(500)]) {
    const { driver, event, lines } = await open([given], { deadLetterTopic: "dead" });
    driver.fault = { error: new Error("full") };
    assert.equal(await driver.deliver({ topic: "t", data: event({}) }), "retry");
    assert.ok(lines.some((line) => line.includes("dead letter topic dead err: full")));
  }
});

test("the policy decides how often the app is asked, the dead letters come after it", async () => {
  const thrice: PubSubWorldOptions = {
    policies: {
      inbound: () => async (run, signal) => {
        for (let left = 2; ; left--) {
          try {
            return await run(signal);
          } catch (error) {
            if (left === 0) throw error;
          }
        }
      },
    },
  };
  const late = await open([answer(500), answer(200, { status: "RETRY" }), answer(200)], {}, thrice);
  assert.equal(await late.driver.deliver({ topic: "t", data: late.event({}) }), "ack");
  assert.equal(late.calls.length, 3);
  const never = await open([answer(500)], { deadLetterTopic: "dead" }, thrice);
  assert.equal(await never.driver.deliver({ topic: "t", data: never.event({}) }), "ack");
  assert.deepEqual([never.calls.length, never.driver.published.length], [3, 1]);
});

test("routes are tried in order; what matches none is skipped, into the dead letters if there are any", async () => {
  const rules = [
    { match: 'event.type == "a"', path: "/a?x=1" },
    { match: " event.data.n > 1 && event.data.n < 3.0 ", path: "b" },
  ];
  const { driver, calls, event } = await open([answer(200)], { rules, deadLetterTopic: "dead" });
  const send = (fields: object) => driver.deliver({ topic: "t", data: event(fields) });
  await send({ type: "a" });
  await send({ type: "b", data: { n: 2 } });
  assert.deepEqual(
    calls.map(({ path, query }) => [path, query]),
    [
      ["/a", "x=1"],
      ["/b", ""],
    ],
  );
  assert.equal(await send({ type: "b", data: { n: 9 } }), "ack");
  assert.deepEqual([calls.length, driver.published.length], [2, 1]);
});

test("a rule that cannot be evaluated, or gives no boolean, is a failure of the message", async () => {
  for (const match of ["event.data.missing == 1", "event.id", "nothing == 1"]) {
    const rules = [{ match, path: "/a" }];
    const without = await open([answer(200)], { rules });
    assert.equal(await without.driver.deliver({ topic: "t", data: without.event({ data: {} }) }), "retry", match);
    const aside = await open([answer(200)], { rules, deadLetterTopic: "dead" });
    assert.equal(await aside.driver.deliver({ topic: "t", data: aside.event({ data: {} }) }), "ack");
    assert.deepEqual([aside.calls.length, aside.driver.published.length], [0, 1]);
  }
});

test("a message that is no CloudEvent is a failure, with rawPayload it is wrapped", async () => {
  const data = new Uint8Array([0, 255]);
  for (const broken of ["[]", "{", "", "null", '"x"']) {
    const { driver, calls } = await open([answer(200)]);
    assert.equal(await driver.deliver({ topic: "t", data: encodeUtf8(broken) }), "retry", broken);
    assert.equal(calls.length, 0);
  }
  const { driver, body } = await open([answer(200)], { metadata: { rawPayload: "true" } });
  assert.equal(await driver.deliver({ topic: "t", data, metadata: { traceid: "i", tracestate: "s" } }), "ack");
  const { id, ...event } = JSON.parse(body());
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.deepEqual(event, {
    data_base64: "AP8=",
    datacontenttype: "application/octet-stream",
    pubsubname: "bus",
    source: "Dapr",
    specversion: "1.0",
    topic: "t",
    traceid: "i",
    tracestate: "s",
    type: "com.dapr.event.sent",
  });
  const faulty = await open([answer(200)], { metadata: { rawPayload: "maybe" } });
  assert.equal(await faulty.driver.deliver({ topic: "t", data }), "retry");
});

test("an event in binary mode is put together from metadata", async () => {
  const { driver, body } = await open([answer(200)]);
  const metadata = { ce_id: "7", CE_Type: "y", other: "x" };
  await driver.deliver({ topic: "t", data: new Uint8Array([1]), contentType: "application/octet-stream", metadata });
  assert.deepEqual(JSON.parse(body()), {
    id: "7",
    type: "y",
    data_base64: "AQ==",
    datacontenttype: "application/octet-stream",
  });
});

test("expired events are dropped, into the dead letters if there are any", async () => {
  const past = new Date(worldStart - 1000).toISOString();
  const { driver, calls, event } = await open([answer(200)], { deadLetterTopic: "dead" });
  assert.equal(await driver.deliver({ topic: "t", data: event({ expiration: past }) }), "ack");
  assert.deepEqual([calls.length, driver.published.length], [0, 1]);
  const future = new Date(worldStart + 5000).toISOString();
  await driver.deliver({ topic: "t", data: event({ expiration: future }) });
  assert.equal(calls.length, 1);
});

test("the namespace is taken out of the topic that a broker tells", async () => {
  const { driver, counts, event } = await open([answer(200)], {}, { isNamespaced: true });
  assert.equal(driver.subscribed[0]?.topic, "nst");
  await driver.deliver({ topic: "nst", data: event({}) });
  assert.deepEqual(counts.at(-1), ["delivered", "bus", "t", "success", ""]);
});

test("while a subscription closes, failures go back and not to the dead letters", async () => {
  let release = (_: Answer): void => undefined;
  const gate = new Promise<Answer>((resolve) => (release = resolve));
  const world = createPubSubWorld({
    asksApp: false,
    app: createHttpSubscriber({
      appId: "app",
      channel: { call: async () => ({ headers: [], ...((await gate) as Omit<HttpReply, "headers">) }) },
      beginSpan: (_, parent) => parent,
      log: { debug() {}, info() {}, warn() {}, error() {} },
    }),
  });
  await world.pubsub.subscriptions.declare([{ ...plain, deadLetterTopic: "dead" }]);
  await world.pubsub.subscriptions.start();
  const handled = world.driver.deliver({ topic: "t", data: encodeUtf8("{}") });
  const closing = world.pubsub.subscriptions.stop();
  release(answer(500));
  assert.equal(await handled, "retry");
  await closing;
  assert.equal(world.driver.published.length, 0);
});

const bulk = { enabled: true, maxMessagesCount: 3, maxAwaitDurationMs: 50 };

test("bulks go when they are full or have waited, with each entry's own outcome", async () => {
  const statuses = (body: string) =>
    JSON.parse(body).entries.map(({ entryId, event }: { entryId: string; event: { id: string } }) => [
      entryId,
      event.id,
    ]);
  let given: string[][] = [];
  const calls: HttpCall[] = [];
  const world = createPubSubWorld({
    asksApp: false,
    app: createHttpSubscriber({
      appId: "app",
      channel: {
        async call(call) {
          calls.push(call);
          given = statuses(new TextDecoder().decode(call.body as Uint8Array));
          const verdict: Record<string, string> = { a: "SUCCESS", b: "RETRY", c: "DROP", d: "", e: "WHAT" };
          const listed = given
            .filter(([, id]) => id !== "f")
            .map(([entryId, id]) => ({ entryId, status: verdict[id!] }));
          return {
            status: 200,
            headers: [],
            body: encodeUtf8(JSON.stringify({ statuses: [...listed, { entryId: "?" }] })),
          };
        },
      },
      beginSpan: (_, parent) => parent,
      log: { debug() {}, info() {}, warn() {}, error() {} },
    }),
  });
  await world.pubsub.subscriptions.declare([{ ...plain, bulkSubscribe: bulk }]);
  await world.pubsub.subscriptions.start();
  assert.equal(world.driver.subscribed[0]?.atOnce, 3);
  const send = (id: string) =>
    world.driver.deliver({ topic: "t", data: encodeUtf8(`{"id":"${id}","n":1.0}`), metadata: { m: id } });
  assert.deepEqual(await Promise.all(["a", "b", "c"].map(send)), ["ack", "retry", "ack"]);
  assert.equal(calls.length, 1);
  const later = Promise.all(["d", "e"].map(send));
  await world.clock.advance(49);
  assert.equal(calls.length, 1);
  await world.clock.advance(1);
  assert.deepEqual(await later, ["retry", "retry"]);
  const missing = send("f");
  await world.clock.advance(50);
  assert.equal(await missing, "retry");
  assert.deepEqual(entryCounts(world.counts), { SUCCESS: 1, RETRY: 4, DROP: 1 });
  const [first] = calls;
  assert.deepEqual(first?.headers, [
    ["Content-Type", "application/json"],
    ["Pubsubname", "bus"],
  ]);
  const text = new TextDecoder().decode(first?.body as Uint8Array);
  const { id, entries } = JSON.parse(text);
  assert.equal(
    text,
    `{"entries":[${["a", "b", "c"]
      .map(
        (name, index) =>
          `{"entryId":"${entries[index].entryId}","event":{"id":"${name}","n":1},"metadata":{"m":"${name}"},"contentType":"application/cloudevents+json"}`,
      )
      .join(
        ",",
      )}],"id":"${id}","metadata":{"pubsubName":"bus"},"pubsubname":"bus","topic":"t","type":"com.dapr.event.sent.bulk"}`,
  );
});

test("a bulk that the app does not answer well is retried whole, 404 takes it away", async () => {
  for (const [given, delivery] of [
    [answer(500), "retry"],
    [answer(200, "oops"), "retry"],
    [answer(200, ""), "retry"],
    [answer(200, {}), "retry"],
    [answer(404), "ack"],
    [new Error("EOF"), "retry"],
  ] as const) {
    const { driver, event, counts } = await open([given], { bulkSubscribe: { ...bulk, maxMessagesCount: 2 } });
    const sent = Promise.all([1, 2].map(() => driver.deliver({ topic: "t", data: event({}) })));
    assert.deepEqual(await sent, [delivery, delivery], JSON.stringify(given));
    assert.deepEqual(entryCounts(counts), delivery === "ack" ? { DROP: 2 } : { RETRY: 2 });
  }
});

test("only what failed in a bulk goes to the dead letters", async () => {
  const rules = [{ match: "event.ok", path: "/take" }];
  const { driver, event, calls, counts } = await open([answer(500)], {
    rules,
    deadLetterTopic: "dead",
    bulkSubscribe: { ...bulk, maxMessagesCount: 4 },
  });
  const past = new Date(worldStart - 1000).toISOString();
  const sent = [{ ok: true }, { ok: false }, { ok: "?" }, { ok: true, expiration: past }].map((fields) =>
    driver.deliver({ topic: "t", data: event(fields) }),
  );
  assert.deepEqual(await Promise.all(sent), ["ack", "ack", "ack", "ack"]);
  assert.equal(calls.length, 1);
  assert.deepEqual(new Set(driver.published.map(({ topic }) => topic)), new Set(["dead"]));
  assert.equal(driver.published.length, 4);
  assert.deepEqual(entryCounts(counts), { DROP: 4 });
});

test("raw payloads of a bulk are base64 texts, routed by their text", async () => {
  const { driver, calls, body } = await open([answer(404)], {
    metadata: { rawPayload: "true" },
    rules: [{ match: 'event == "ab"', path: "/ab" }],
    bulkSubscribe: { ...bulk, maxMessagesCount: 1 },
  });
  assert.equal(await driver.deliver({ topic: "t", data: encodeUtf8("ab") }), "ack");
  assert.equal(calls[0]?.path, "/ab");
  const [entry] = JSON.parse(body()).entries;
  assert.deepEqual([entry.event, entry.contentType], ["YWI=", "application/octet-stream"]);
});

test("a closing bulk subscription sends what it has gathered", async () => {
  const { driver, event, pubsub, calls } = await open([answer(404)], { bulkSubscribe: bulk });
  const waiting = driver.deliver({ topic: "t", data: event({}) });
  await pubsub.subscriptions.stop();
  assert.equal(await waiting, "ack");
  assert.equal(calls.length, 1);
});
