import assert from "node:assert/strict";
import { test } from "node:test";
import { DriverError } from "../../src/driver/errors.ts";
import type { Delivery, IncomingMessage, PubSub } from "../../src/driver/pubsub.ts";

/** A broker under test: `open` gives a component of an app on it, and again after the last one was closed. */
export interface BrokerUnderTest {
  open(appId: string, settings?: Readonly<Record<string, string>>): Promise<PubSub>;
}

/** What a broker promises beyond what all do. */
export interface BrokerTraits {
  /** A message that is given back comes again, with a higher attempt. Settings that make the wait short. */
  readonly redelivery?: Readonly<Record<string, string>>;
  /** Apps have groups: each group gets every message, its members share them. */
  readonly groups?: true;
  /** Messages wait for their first subscriber, and outlive the broker's process. */
  readonly retention?: true;
  /** Settings under which messages come one at a time and in order. */
  readonly ordered?: Readonly<Record<string, string>>;
  /** The broker has no place for the metadata of a message. */
  readonly dropsMetadata?: true;
  /** What the broker adds to the metadata of a message of topic `orders`. */
  readonly adds?: Readonly<Record<string, string>>;
  /** A pattern with a topic that it matches, where patterns are not `ord*`. */
  readonly wildcard?: { readonly pattern: string; readonly topic: string };
}

const { signal } = new AbortController();
const utf8 = new TextEncoder();
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const message = (topic: string, data: string, metadata: Record<string, string> = {}) => ({
  topic,
  data: utf8.encode(data),
  contentType: "text/plain",
  metadata,
});

/** A handler that keeps what it gets. */
export function collector(answer: (message: IncomingMessage) => Delivery | Promise<Delivery> = () => "ack") {
  const received: IncomingMessage[] = [];
  const waiting = new Set<() => void>();
  return {
    received,
    texts: () => received.map(({ data }) => text(data)),
    async handle(incoming: IncomingMessage): Promise<Delivery> {
      received.push(incoming);
      for (const look of [...waiting]) look();
      return answer(incoming);
    },
    /** Resolves when so many messages have come. */
    until: (count: number): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (received.length < count) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}

/** The behaviour that all brokers share, and what the traits and features of this one add. */
export function pubsubConformance(name: string, makeBroker: () => BrokerUnderTest, traits: BrokerTraits = {}): void {
  const within = async (
    check: (broker: BrokerUnderTest, open: BrokerUnderTest["open"]) => Promise<void>,
  ): Promise<void> => {
    const broker = makeBroker();
    const opened: PubSub[] = [];
    try {
      await check(broker, async (appId, settings) => {
        const pubsub = await broker.open(appId, settings);
        opened.push(pubsub);
        return pubsub;
      });
    } finally {
      for (const pubsub of opened) await pubsub.close();
    }
  };

  test(`${name}: a message arrives as it was published`, () =>
    within(async (_, open) => {
      const pubsub = await open("app");
      const inbox = collector();
      await pubsub.subscribe({ topic: "orders", metadata: {} }, inbox.handle, signal);
      const data = Uint8Array.from({ length: 256 }, (_unused, byte) => byte);
      const metadata = { partitionKey: "k", "cloudevent.type": "é\n", ünï: "" };
      await pubsub.publish({ topic: "orders", data, contentType: "application/x", metadata }, signal);
      await inbox.until(1);
      const [got] = inbox.received;
      assert.deepEqual([...(got?.data ?? [])], [...data]);
      if (traits.dropsMetadata !== true) assert.deepEqual({ ...got?.metadata }, { ...metadata, ...traits.adds });
      assert.equal(got?.topic, "orders");
    }));

  test(`${name}: a subscriber hears its topic only, and an empty message too`, () =>
    within(async (_, open) => {
      const pubsub = await open("app");
      const inbox = collector();
      await pubsub.subscribe({ topic: "a", metadata: {} }, inbox.handle, signal);
      await pubsub.publish(message("b", "no"), signal);
      await pubsub.publish(message("A", "no"), signal);
      await pubsub.publish(message("a", ""), signal);
      await pubsub.publish(message("a", "yes"), signal);
      await inbox.until(2);
      assert.deepEqual(inbox.texts().sort(), ["", "yes"]);
    }));

  test(`${name}: nothing comes after close, which waits for the handler`, () =>
    within(async (_, open) => {
      const pubsub = await open("app");
      const release = Promise.withResolvers<void>();
      let finished = false;
      const inbox = collector(async (): Promise<Delivery> => {
        await release.promise;
        finished = true;
        return "ack";
      });
      const subscription = await pubsub.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
      await pubsub.publish(message("t", "1"), signal);
      await inbox.until(1);
      const closed = subscription.close();
      release.resolve();
      await closed;
      assert.equal(finished, true);
      await pubsub.publish(message("t", "2"), signal);
      assert.deepEqual(inbox.texts(), ["1"]);
      await subscription.close();
    }));

  test(`${name}: a closed component refuses`, async () => {
    const pubsub = await makeBroker().open("app");
    await pubsub.close();
    await pubsub.close();
    const isClosed = (error: unknown): boolean =>
      DriverError.is(error) && error.kind === "closed" && error.message === "component is closed";
    await assert.rejects(pubsub.publish(message("t", ""), signal), isClosed);
    await assert.rejects(
      pubsub.subscribe({ topic: "t", metadata: {} }, async () => "ack", signal),
      isClosed,
    );
  });

  test(`${name}: a failing handler does not stop the others`, () =>
    within(async (_, open) => {
      const pubsub = await open("app");
      const inbox = collector((incoming) => {
        if (text(incoming.data) === "bad" && (incoming.attempt ?? 1) === 1) throw new Error("boom");
        return "ack";
      });
      await pubsub.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
      for (const data of ["bad", "good"]) await pubsub.publish(message("t", data), signal);
      await inbox.until(2);
      assert.deepEqual(new Set(inbox.texts().slice(0, 2)), new Set(["bad", "good"]));
    }));

  test(`${name}: features and methods agree`, () =>
    within(async (_, open) => {
      const pubsub = await open("app");
      assert.equal(pubsub.features.includes("BULK_PUBLISH"), pubsub.bulkPublish !== undefined);
      const inbox = collector();
      const { pattern, topic: matching } = traits.wildcard ?? { pattern: "ord*", topic: "orders" };
      await pubsub.subscribe({ topic: pattern, metadata: {} }, inbox.handle, signal);
      const exact = collector();
      await pubsub.subscribe({ topic: "end", metadata: {} }, exact.handle, signal);
      for (const topic of [matching, "ord", "other"]) await pubsub.publish(message(topic, topic), signal);
      await pubsub.publish(message("end", ""), signal);
      await exact.until(1);
      const hasWildcards = pubsub.features.includes("SUBSCRIBE_WILDCARDS");
      assert.deepEqual(inbox.texts(), hasWildcards ? [matching] : []);
    }));

  test(`${name}: many at once all arrive`, () =>
    within(async (_, open) => {
      const pubsub = await open("app");
      const inbox = collector();
      await pubsub.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
      const all = Array.from({ length: 500 }, (_unused, index) => String(index));
      await Promise.all(all.map((data) => pubsub.publish(message("t", data), signal)));
      await inbox.until(500);
      assert.deepEqual(new Set(inbox.texts()), new Set(all));
    }));

  test(`${name}: bulk publish keeps data and metadata of each entry`, () =>
    within(async (_, open) => {
      const pubsub = await open("app", traits.ordered);
      if (pubsub.bulkPublish === undefined) return;
      const inbox = collector();
      await pubsub.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
      const entries = ["a", "b", "c"].map((data) => ({ entryId: data, ...message("t", data, { key: data }) }));
      assert.deepEqual(await pubsub.bulkPublish("t", entries, {}, signal), []);
      assert.deepEqual(await pubsub.bulkPublish("t", [], {}, signal), []);
      await inbox.until(3);
      assert.deepEqual(inbox.received.map(({ data, metadata }) => [text(data), metadata["key"]]).sort(), [
        ["a", "a"],
        ["b", "b"],
        ["c", "c"],
      ]);
    }));

  if (traits.ordered !== undefined)
    test(`${name}: one at a time means in order`, () =>
      within(async (_, open) => {
        const pubsub = await open("app", traits.ordered);
        let running = 0;
        const inbox = collector(async (): Promise<Delivery> => {
          running += 1;
          assert.equal(running, 1);
          await Promise.resolve();
          running -= 1;
          return "ack";
        });
        await pubsub.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
        const all = Array.from({ length: 50 }, (_unused, index) => String(index));
        for (const data of all) await pubsub.publish(message("t", data), signal);
        await inbox.until(50);
        assert.deepEqual(inbox.texts(), all);
      }));

  if (traits.redelivery !== undefined)
    test(`${name}: what is given back comes again, until it is taken`, () =>
      within(async (_, open) => {
        const pubsub = await open("app", traits.redelivery);
        const inbox = collector(({ attempt }) => (attempt === 3 ? "ack" : "retry"));
        await pubsub.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
        await pubsub.publish(message("t", "x", { a: "1" }), signal);
        await inbox.until(3);
        assert.deepEqual(
          inbox.received.map(({ data, metadata, attempt }) => [text(data), metadata["a"], attempt]),
          [1, 2, 3].map((attempt) => ["x", traits.dropsMetadata === true ? undefined : "1", attempt]),
        );
        assert.equal(new Set(inbox.received.map(({ id }) => id)).size, 1);
      }));

  if (traits.groups === true) {
    test(`${name}: every group gets every message, members of a group share them`, () =>
      within(async (_, open) => {
        const publisher = await open("publisher");
        const inboxes = [collector(), collector(), collector()];
        const names = ["shop", "shop", "audit"];
        const apps = await Promise.all(names.map((appId) => open(appId)));
        for (const [index, app] of apps.entries())
          await app.subscribe({ topic: "t", metadata: {} }, inboxes[index]!.handle, signal);
        const all = Array.from({ length: 60 }, (_unused, index) => String(index));
        for (const data of all) await publisher.publish(message("t", data), signal);
        const [first, second, audit] = inboxes;
        await audit!.until(60);
        while (first!.received.length + second!.received.length < 60)
          await new Promise((resolve) => setTimeout(resolve, 5));
        assert.deepEqual(new Set(audit!.texts()), new Set(all));
        const shared = [...first!.texts(), ...second!.texts()];
        assert.equal(shared.length, 60);
        assert.deepEqual(new Set(shared), new Set(all));
      }));

    test(`${name}: what one group gives back, the other does not get again`, () =>
      within(async (_, open) => {
        const calm = collector();
        const stubborn = collector(({ attempt }) => (attempt === 2 ? "ack" : "retry"));
        const [one, two] = [await open("calm", traits.redelivery), await open("stubborn", traits.redelivery)];
        await one.subscribe({ topic: "t", metadata: {} }, calm.handle, signal);
        await two.subscribe({ topic: "t", metadata: {} }, stubborn.handle, signal);
        await one.publish(message("t", "x"), signal);
        await stubborn.until(2);
        await calm.until(1);
        assert.equal(calm.received.length, 1);
      }));
  }

  if (traits.retention === true) {
    test(`${name}: messages wait for the first subscriber, and outlive a restart`, () =>
      within(async (broker, open) => {
        const before = await broker.open("app");
        for (const data of ["1", "2", "3"]) await before.publish(message("t", data), signal);
        await before.close();
        const after = await open("app");
        const inbox = collector();
        await after.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
        await inbox.until(3);
        assert.deepEqual(inbox.texts().sort(), ["1", "2", "3"]);
      }));

    test(`${name}: what was acknowledged does not come again after a restart, the rest does`, () =>
      within(async (broker, open) => {
        const before = await broker.open("app", traits.redelivery);
        const first = collector(({ data }) => (text(data) === "keep" ? "retry" : "ack"));
        await before.subscribe({ topic: "t", metadata: {} }, first.handle, signal);
        for (const data of ["done", "keep"]) await before.publish(message("t", data), signal);
        await first.until(2);
        await before.close();
        const after = await open("app", traits.redelivery);
        const second = collector();
        await after.subscribe({ topic: "t", metadata: {} }, second.handle, signal);
        await after.publish(message("t", "new"), signal);
        await second.until(2);
        assert.deepEqual(second.texts().sort(), ["keep", "new"]);
      }));

    test(`${name}: a message that has expired is not delivered`, () =>
      within(async (broker, open) => {
        const publisher = await broker.open("app");
        if (!publisher.features.includes("MESSAGE_TTL")) return publisher.close();
        await publisher.publish(message("t", "gone", { ttlInSeconds: "0" }), signal);
        await publisher.publish(message("t", "short", { TTL: "1ns" }), signal);
        await publisher.publish(message("t", "long", { ttlInSeconds: "3600" }), signal);
        await publisher.publish(message("t", "odd", { ttlInSeconds: "soon" }), signal);
        await publisher.close();
        const app = await open("app");
        const inbox = collector();
        await app.subscribe({ topic: "t", metadata: {} }, inbox.handle, signal);
        await inbox.until(2);
        assert.deepEqual(inbox.texts().sort(), ["long", "odd"]);
      }));
  }
}
