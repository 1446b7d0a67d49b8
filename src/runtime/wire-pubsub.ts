import { createHttpSubscriber } from "../blocks/pubsub/deliver-http.ts";
import {
  type Broker,
  DeliveryError,
  type Policy,
  type PubSubPorts,
  type SubscriberApp,
} from "../blocks/pubsub/ports.ts";
import { createPubSub, type PubSub } from "../blocks/pubsub/pubsub.ts";
import { openBroker } from "../blocks/pubsub/scope.ts";
import type { Resources } from "../config/load.ts";
import type { Options } from "../config/options.ts";
import type { LoadedComponent } from "../host/component.ts";
import type { Components } from "../host/components.ts";
import type { BeginSpan } from "../kit/call.ts";
import type { Verdict } from "../kit/policy.ts";
import type { Platform } from "../platform/types.ts";
import type { PolicyProvider } from "../resiliency/provider.ts";
import type { Log } from "../telemetry/ports.ts";
import type { App } from "./app.ts";
import type { Telemetry } from "./telemetry.ts";

export interface WiredPubSub {
  readonly pubsub: PubSub;
  /** Settles scopes and namespace of a broker that was just loaded. */
  loaded(component: LoadedComponent<"pubsub">): void;
  /** All brokers are there: takes up the subscriptions of the files. */
  declare(): Promise<void>;
}

export interface PubSubWiring {
  readonly platform: Platform;
  readonly options: Options;
  readonly resources: Resources;
  readonly components: Components;
  readonly resiliency: PolicyProvider;
  readonly telemetry: Telemetry;
  readonly app: App;
  readonly log: Log;
  /** Commits what apps answer to events. */
  readonly commit: NonNullable<PubSubPorts["commit"]>;
}

/** Runs once, as it is: what stands where no policy is configured. */
const once: Policy = (run, signal) => run(signal);

/** How a policy sees a failed delivery: by the app's status, where it gave one. */
function deliveryVerdict(error: unknown): Verdict {
  if (!(error instanceof DeliveryError)) return undefined;
  return error.isLocal ? "stop" : error.code;
}

/** The policies of deliveries to the app and of the question for its subscriptions. */
function pubsubPolicies(resiliency: PolicyProvider): {
  readonly inbound: (broker: string) => Policy;
  readonly initialization: Policy;
} {
  const use = { judge: deliveryVerdict };
  const initial = resiliency.builtIn("DaprBuiltInInitializationRetries");
  return {
    inbound(broker) {
      const policy = resiliency.inbound(broker, "Pubsub");
      return policy === undefined ? once : (run, signal) => policy.run(run, signal, use);
    },
    initialization: (run, signal) => initial.run(run, signal),
  };
}

/** Joins publish and subscribe to brokers and app. */
export async function wirePubSub(wiring: PubSubWiring): Promise<WiredPubSub> {
  const { platform, options, resources, components, telemetry } = wiring;
  const { clock, random } = platform;
  const log = wiring.log.scope("dapr.runtime.pubsub");
  const brokers = new Map<string, Broker>();
  const find = (name: string): Broker | undefined =>
    components.find("pubsub", name) === undefined ? undefined : brokers.get(name);
  const findToPublish = (name: string): Broker | undefined =>
    find(name) ?? (components.findLeaving("pubsub", name) === undefined ? undefined : brokers.get(name));
  const beginSpan = telemetry.tracer.below;
  const app = await subscriberOf(wiring.app, options.appId, beginSpan, log);
  const pubsub = createPubSub({
    appId: options.appId,
    namespace: options.currentNamespace,
    brokers: {
      find,
      findToPublish,
      list: () => [...brokers.keys()].map(find).filter((broker) => broker !== undefined),
    },
    app: () => app,
    asksApp: !options.disableInitEndpoints.includes("subscribe"),
    policies: pubsubPolicies(wiring.resiliency),
    beginSpan,
    commit: wiring.commit,
    clock,
    random,
    log,
    meter: telemetry.components,
  });
  return {
    pubsub,
    loaded(component) {
      const isNamespaced = component.resource.metadata.some((item) => item.value?.includes("{namespace}"));
      const { name, instance, properties } = component;
      brokers.set(name, openBroker({ name, pubsub: instance, properties, isNamespaced }, options.appId));
    },
    declare: () => pubsub.subscriptions.declare(resources.subscriptions),
  };
}

async function subscriberOf(
  app: App,
  appId: string,
  beginSpan: BeginSpan,
  log: Log,
): Promise<SubscriberApp | undefined> {
  if (app.http !== undefined) return createHttpSubscriber({ appId, channel: app.http, beginSpan, log });
  if (app.grpc === undefined) return undefined;
  const { createGrpcSubscriber } = await import("../blocks/pubsub/deliver-grpc.ts");
  return createGrpcSubscriber({ channel: app.grpc, beginSpan, log });
}
