import type { PubSub } from "../blocks/pubsub/pubsub.ts";
import type { OpenStateStore } from "../blocks/state/ports.ts";
import { isSameDatabase } from "../driver/companion.ts";
import type { Delivery, IncomingMessage, Subscription } from "../driver/pubsub.ts";
import { encodeUtf8 } from "../kit/bytes.ts";
import type { Clock } from "../kit/clock.ts";
import { decodeGoJson, encodeGoJson } from "../kit/go-json.ts";
import type { Log } from "../telemetry/ports.ts";
import type { AllOutboxSettings, OutboxSettings } from "./outbox-settings.ts";
import { brokerOf, internalTopic } from "./wire-outbox.ts";

/** Publishes the events of outboxes when their transactions are there. */
export interface OutboxRelay {
  /** Opens and closes the subscriptions on internal topics, as the components are now. */
  settle(): Promise<void>;
  /** A component is not what it was: its subscriptions are opened anew by the next `settle`. */
  drop(componentName: string): Promise<void>;
  stop(): Promise<void>;
}

export interface OutboxRelayPorts {
  readonly appId: string;
  readonly namespace: string;
  readonly outboxes: AllOutboxSettings;
  readonly pubsub: PubSub;
  store(name: string): OpenStateStore | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

interface Relayed {
  readonly broker: string;
  readonly topic: string;
  /** Stores that share the topic. */
  readonly stores: string[];
  readonly settings: OutboxSettings;
  subscription: Subscription | undefined;
}

const firstLookMs = 1000;
const shortestMs = 500;
const longestMs = 3000;
const growth = 3;
const giveUpMs = 10_000;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The relays of one sidecar. What they wait for when they stop goes back to its broker. */
export function createOutboxRelay(ports: OutboxRelayPorts): OutboxRelay {
  const { appId, namespace, outboxes, pubsub, clock, log } = ports;
  const running = new Map<string, Relayed>();
  const stopping = new AbortController();
  const { signal } = stopping;
  let queue: Promise<unknown> = Promise.resolve();

  function inTurn(work: () => Promise<void>): Promise<void> {
    const turn = queue.then(work, work);
    queue = turn.catch(() => undefined);
    return turn;
  }

  /** Tries with growing pauses until it succeeds or ten seconds are over. */
  async function persist<T>(attempt: () => Promise<T>): Promise<T> {
    const end = clock.monotonic() + giveUpMs;
    for (let wait = shortestMs; ; wait = Math.min(wait * growth, longestMs)) {
      try {
        return await attempt();
      } catch (error) {
        if (signal.aborted || clock.monotonic() + wait > end) throw error;
      }
      await clock.sleep(wait, signal);
    }
  }

  /** The store that has the marker of a committed transaction. */
  async function storeWith(key: string, { stores, settings }: Relayed): Promise<OpenStateStore> {
    for (const name of stores) {
      const store = ports.store(name);
      if (store === undefined) throw new Error(`cannot get outbox state: state store ${name} not found`);
      const found = await store.store.get({ key, consistency: "", metadata: {} }, signal);
      if (found !== null && found.bytes.length > 0) return store;
    }
    throw new Error(
      `cannot publish outbox message to topic ${settings.publishTopic} with pubsub ${settings.publishPubsub}: outbox state not found`,
    );
  }

  async function relay(message: IncomingMessage, relayed: Relayed): Promise<Delivery> {
    const { settings } = relayed;
    const event = decodeGoJson(message.data) as Record<string, unknown>;
    const key = String(event["id"] ?? "");
    await clock.sleep(firstLookMs, signal);
    let store: OpenStateStore;
    try {
      store = await persist(() => storeWith(key, relayed));
    } catch (error) {
      const lead = `failed to publish outbox topic to pubsub ${settings.publishPubsub}: ${messageOf(error)}`;
      const isDropped = settings.discardsMissing && !signal.aborted;
      log.error(`${lead}, ${isDropped ? "discarding message" : "rejecting for later processing"}`);
      return isDropped ? "ack" : "retry";
    }
    const { publishTopic: topic, publishPubsub } = settings;
    const data = encodeUtf8(encodeGoJson({ ...event, topic, pubsubname: publishPubsub }, { sortKeys: true }));
    // compat: the broker is told the type of the data. A binary one would make a subscriber read the event as a bare payload.
    const contentType =
      "data_base64" in event ? "application/cloudevents+json" : String(event["datacontenttype"] ?? "");
    await pubsub.publisher.forward(brokerOf(pubsub, publishPubsub), { topic, data, contentType, metadata: {} }, signal);
    const marker = { key, etag: null, concurrency: "", consistency: "", metadata: {} } as const;
    await persist(() => store.store.delete(marker, signal));
    return "ack";
  }

  async function handle(message: IncomingMessage, relayed: Relayed): Promise<Delivery> {
    try {
      return await relay(message, relayed);
    } catch (error) {
      if (!signal.aborted)
        log.error(`failed to relay an outbox message of topic ${relayed.topic}: ${messageOf(error)}`);
      return "retry";
    }
  }

  function wanted(): Map<string, Relayed> {
    const found = new Map<string, Relayed>();
    for (const name of outboxes.stores()) {
      const settings = outboxes.of(name);
      const store = ports.store(name);
      if (settings === undefined || store === undefined) continue;
      const target = pubsub.find(settings.publishPubsub);
      // Their events are committed with the transactions.
      const { embedded } = store.store;
      if (isSameDatabase(embedded, target?.pubsub.embedded?.storage)) continue;
      const topic = internalTopic(namespace, appId, settings.publishTopic);
      const key = JSON.stringify([topic, settings]);
      const known = found.get(key);
      if (known !== undefined) known.stores.push(name);
      else found.set(key, { broker: settings.outboxPubsub, topic, stores: [name], settings, subscription: undefined });
    }
    return found;
  }

  async function open(key: string, relayed: Relayed): Promise<void> {
    const broker = pubsub.find(relayed.broker);
    if (broker === undefined) {
      log.warn(`could not subscribe to internal outbox topic: outbox pubsub ${relayed.broker} not loaded`);
      return;
    }
    const topic = broker.isNamespaced ? namespace + relayed.topic : relayed.topic;
    try {
      running.set(key, relayed);
      relayed.subscription = await broker.pubsub.subscribe(
        { topic, metadata: {} },
        (message) => handle(message, relayed),
        signal,
      );
    } catch (error) {
      running.delete(key);
      log.warn(`failed to subscribe to outbox topics: ${messageOf(error)}`);
    }
  }

  async function close(key: string): Promise<void> {
    const relayed = running.get(key);
    running.delete(key);
    await relayed?.subscription?.close().catch((error: unknown) => {
      log.warn(`failed to close the subscription on an outbox topic: ${messageOf(error)}`);
    });
  }

  return {
    settle: () =>
      inTurn(async () => {
        const now = signal.aborted ? new Map<string, Relayed>() : wanted();
        const isSame = (key: string, { stores }: Relayed): boolean => String(now.get(key)?.stores) === String(stores);
        await Promise.all([...running].filter(([key, one]) => !isSame(key, one)).map(([key]) => close(key)));
        await Promise.all([...now].filter(([key]) => !running.has(key)).map(([key, one]) => open(key, one)));
      }),
    drop: (componentName) =>
      inTurn(async () => {
        const own = [...running].filter(([, { broker }]) => broker === componentName);
        await Promise.all(own.map(([key]) => close(key)));
      }),
    stop() {
      stopping.abort(new Error("the sidecar is shutting down"));
      return inTurn(async () => {
        await Promise.all([...running.keys()].map(close));
      });
    },
  };
}
