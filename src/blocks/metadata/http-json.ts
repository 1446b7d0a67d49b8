import { formatDuration } from "../../kit/duration.ts";
import type { ActiveActors, AppConnection, SidecarFacts, SubscriptionFacts } from "./model.ts";

/** compat: a value that upstream leaves out when it is empty. */
function filled<T extends string | number | readonly unknown[]>(value: T): T | undefined {
  return value === "" || value === 0 || (typeof value === "object" && value.length === 0) ? undefined : value;
}

function filledMap(map: Readonly<Record<string, string>>): Record<string, string> | undefined {
  const pairs = Object.entries(map).sort(([left], [right]) => (left < right ? -1 : 1));
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

const named = (names: readonly string[]) => filled(names.map((name) => ({ name: filled(name) })));
const actors = (active: readonly ActiveActors[]) =>
  filled(active.map(({ type, count }) => ({ type: filled(type), count: filled(count) })));

/** The answer of GET metadata; members in upstream's order, undefined where it has none. */
export function metadataJson(facts: SidecarFacts): Record<string, unknown> {
  return {
    id: filled(facts.id),
    runtimeVersion: filled(facts.runtimeVersion),
    enabledFeatures: filled(facts.enabledFeatures),
    actors: actors(facts.actors.active),
    components: filled(
      facts.components.map(({ name, type, version, capabilities }) => ({
        name: filled(name),
        type: filled(type),
        version: filled(version),
        capabilities: filled(capabilities),
      })),
    ),
    extended: filledMap(facts.extended),
    subscriptions: filled(facts.subscriptions.map(subscriptionJson)),
    httpEndpoints: named(facts.httpEndpoints),
    appConnectionProperties: appJson(facts.app),
    actorRuntime: {
      runtimeStatus: facts.actors.status,
      activeActors: actors(facts.actors.active),
      hostReady: facts.actors.hostReady,
      placement: filled(facts.actors.placement),
    },
    mcpServers: named(facts.mcpServers),
    workflowAccessPolicies: named(facts.workflowAccessPolicies),
    resiliencies: named(facts.resiliencies),
  };
}

function subscriptionJson(subscription: SubscriptionFacts): Record<string, unknown> {
  return {
    pubsubname: subscription.pubsubName,
    topic: subscription.topic,
    metadata: filledMap(subscription.metadata),
    rules: filled(subscription.rules.map(({ match, path }) => ({ match: filled(match), path: filled(path) }))),
    deadLetterTopic: subscription.deadLetterTopic,
    type: subscription.type,
  };
}

function appJson(app: AppConnection): Record<string, unknown> {
  return {
    port: filled(app.port),
    protocol: filled(app.protocol),
    channelAddress: filled(app.channelAddress),
    maxConcurrency: filled(app.maxConcurrency),
    health: app.health && {
      healthCheckPath: filled(app.health.path),
      healthProbeInterval: formatDuration(app.health.intervalMs),
      healthProbeTimeout: formatDuration(app.health.timeoutMs),
      healthThreshold: filled(app.health.threshold),
    },
  };
}
