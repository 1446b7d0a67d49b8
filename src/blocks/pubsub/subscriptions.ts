import type { Deliveries } from "./deliveries.ts";
import type { ListedSubscription, SubscriptionSpec } from "./model.ts";
import { type OpenSubscription, openSubscription, TopicDenied } from "./open-subscription.ts";
import type { Broker, PubSubPorts, SubscriberApp } from "./ports.ts";
import type { Publisher } from "./publish.ts";
import { createStreams, type Streams } from "./streams.ts";

/** A subscription of a resource file; the name tells it from others when files change. */
export interface DeclaredSubscription extends SubscriptionSpec {
  readonly name: string;
}

/** All subscriptions of a sidecar and their life: they flow while the app is ready and healthy. */
export interface Subscriptions {
  /** The app is ready: asks it once for its own subscriptions and opens all. A failed subscription is logged and tried again. */
  start(): Promise<void>;
  /** The app is not healthy: closes its subscriptions, until `start`. Streaming ones stay. */
  pause(): Promise<void>;
  /** Closes all for good, when what is in the app is done. */
  stop(): Promise<void>;
  /** Replaces the declared subscriptions; opens and closes only what differs. */
  declare(declared: readonly DeclaredSubscription[]): Promise<void>;
  /** A broker came, went or was replaced: its subscriptions are opened anew. */
  reload(brokerName: string): Promise<void>;
  /** A subscription of a stream, independent of the others; `ended` is called when the sidecar ends it. */
  openStream: Streams["open"];
  list(): readonly ListedSubscription[];
}

interface Running {
  readonly spec: SubscriptionSpec;
  /** undefined while it could not be opened. */
  open: OpenSubscription | undefined;
  /** Gives up trying. */
  readonly abandon: AbortController;
}

const firstRetryMs = 500;
const lastRetryMs = 60_000;
const retryGrowth = 1.5;

const key = ({ pubsubName, topic }: SubscriptionSpec): string => `${pubsubName}||${topic}`;

/** Declared first, in their order; one that the app asks for itself takes the place of a declared one of the same topic. */
export function mergeSubscriptions(
  declared: readonly SubscriptionSpec[],
  programmatic: readonly SubscriptionSpec[],
): readonly ListedSubscription[] {
  const merged = new Map<string, ListedSubscription>();
  for (const spec of declared) if (!merged.has(key(spec))) merged.set(key(spec), { ...spec, type: "DECLARATIVE" });
  for (const spec of programmatic) merged.set(key(spec), { ...spec, type: "PROGRAMMATIC" });
  return [...merged.values()];
}

/** The subscriptions of one sidecar. */
export function createSubscriptions(
  ports: PubSubPorts,
  own: { readonly publisher: Publisher; readonly deliveries: Deliveries },
): Subscriptions {
  const { brokers, clock, random, log } = ports;
  const opening = { ...ports, ...own };
  const running = new Map<string, Running>();
  const streams = createStreams(brokers, opening);
  let declared: readonly DeclaredSubscription[] = [];
  let programmatic: readonly SubscriptionSpec[] = [];
  let wasAsked = false;
  let isActive = false;
  let isStopped = false;
  /** Changes happen one after the other. */
  let queue: Promise<unknown> = Promise.resolve();
  const stopping = new AbortController();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = queue.then(work, work);
    queue = turn.catch(() => undefined);
    return turn;
  }

  /** Asks the app once; its answer holds until the end. */
  async function ask(): Promise<void> {
    if (wasAsked || brokers.list().length === 0) return;
    const app = ports.app();
    if (app === undefined) {
      log.warn("app channel not initialized, make sure -app-port is specified if pubsub subscription is required");
      return;
    }
    wasAsked = true;
    if (!ports.asksApp) {
      log.warn("Skipping programmatic subscription loading (see 'disable-init-endpoints' flag/annotation)");
      return;
    }
    programmatic = await ports.policies.initialization((signal) => app.discover(signal), stopping.signal);
    const topics = new Map<string, string[]>();
    for (const { pubsubName, topic } of programmatic)
      topics.set(pubsubName, [...(topics.get(pubsubName) ?? []), topic]);
    for (const [name, names] of topics)
      log.info(`app is subscribed to the following topics: [[${names.join(" ")}]] through pubsub=${name}`);
  }

  async function askOrLog(): Promise<void> {
    try {
      await ask();
    } catch (error) {
      log.error(`error getting topic list from app: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Opens a subscription; undefined when that worked, or when trying again has no sense. */
  async function tryOpen(broker: Broker, app: SubscriberApp, entry: Running, lead: string): Promise<Error | undefined> {
    const { spec, abandon } = entry;
    try {
      const open = await openSubscription(opening, broker, spec, app);
      if (abandon.signal.aborted) await open.close();
      else entry.open = open;
      return undefined;
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      log.error(`${lead} pubsub ${spec.pubsubName}, topic ${spec.topic}: ${failure.message}`);
      return failure instanceof TopicDenied ? undefined : failure;
    }
  }

  /** Tries until it works or the subscription is not wanted any more. */
  async function keepTrying(broker: Broker, app: SubscriberApp, entry: Running): Promise<void> {
    const { spec, abandon } = entry;
    for (let wait = firstRetryMs; ; wait = Math.min(wait * retryGrowth, lastRetryMs)) {
      await clock.sleep(wait * (0.5 + random.fraction()), abandon.signal);
      const failure = await tryOpen(broker, app, entry, "Retry failed for subscription");
      if (failure !== undefined) continue;
      if (entry.open !== undefined)
        log.info(`Successfully started subscription after retry for pubsub ${spec.pubsubName}, topic ${spec.topic}`);
      return;
    }
  }

  async function openOne(name: string, spec: SubscriptionSpec): Promise<void> {
    const broker = brokers.find(spec.pubsubName);
    const app = ports.app();
    if (broker === undefined || app === undefined) return;
    const entry: Running = { spec, open: undefined, abandon: new AbortController() };
    running.set(name, entry);
    const failure = await tryOpen(broker, app, entry, "Failed to start subscription for");
    // The sleep rejects when the subscription is given up: that ends it, and is no fault.
    if (failure !== undefined) keepTrying(broker, app, entry).catch(() => undefined);
  }

  async function closeOne(name: string): Promise<void> {
    const entry = running.get(name);
    if (entry === undefined) return;
    running.delete(name);
    entry.abandon.abort(new Error("subscription is closed"));
    await entry.open?.close().catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      log.warn(`failed to close the subscription on topic ${entry.spec.topic}: ${why}`);
    });
  }

  /** Opens what should be open and closes what should not. */
  async function settle(): Promise<void> {
    const wanted = new Map<string, SubscriptionSpec>();
    if (isActive && !isStopped)
      for (const { type: _, ...spec } of mergeSubscriptions(declared, programmatic))
        if (brokers.find(spec.pubsubName) !== undefined) wanted.set(key(spec), spec);
    const isSame = (name: string, spec: SubscriptionSpec): boolean =>
      JSON.stringify(wanted.get(name)) === JSON.stringify(spec);
    const obsolete = [...running].filter(([name, { spec }]) => !isSame(name, spec));
    await Promise.all(obsolete.map(([name]) => closeOne(name)));
    await Promise.all([...wanted].filter(([name]) => !running.has(name)).map(([name, spec]) => openOne(name, spec)));
  }

  return {
    start: () =>
      inTurn(async () => {
        if (isActive || isStopped) return;
        isActive = true;
        await askOrLog();
        await settle();
      }),
    pause: () =>
      inTurn(async () => {
        isActive = false;
        await settle();
      }),
    stop() {
      isStopped = true;
      stopping.abort(new Error("subscriber is closed"));
      for (const { abandon } of running.values()) abandon.abort(new Error("subscription is closed"));
      return inTurn(async () => {
        await Promise.all([settle(), streams.stop()]);
      });
    },
    declare: (next) =>
      inTurn(async () => {
        declared = next;
        await settle();
      }),
    reload: (brokerName) =>
      inTurn(async () => {
        const own = [...running].filter(([, { spec }]) => spec.pubsubName === brokerName);
        await Promise.all(own.map(([name]) => closeOne(name)));
        if (isActive) await askOrLog();
        await Promise.all([settle(), streams.reload(brokerName)]);
      }),
    openStream: streams.open,
    list: () => [
      ...mergeSubscriptions(declared, programmatic),
      ...streams.list().map((spec) => ({ ...spec, type: "STREAMING" as const })),
    ],
  };
}
