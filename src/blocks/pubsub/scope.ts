import type { PubSub } from "../../driver/pubsub.ts";
import type { Broker, TopicScopes } from "./ports.ts";

/** What a component's metadata says of a broker. */
export interface BrokerSettings {
  /** Name of the component. */
  readonly name: string;
  /** Guarded driver instance. */
  readonly pubsub: PubSub;
  /** Component metadata, secrets resolved; keys in any case. */
  readonly properties: ReadonlyMap<string, string>;
  /** Some value of the metadata holds `{namespace}`, before templates were replaced. */
  readonly isNamespaced: boolean;
}

/** Settles once, when a component loads, which topics an app may use. */
export function openBroker(settings: BrokerSettings, appId: string): Broker {
  const { name, pubsub, properties, isNamespaced } = settings;
  const text = (wanted: string): string => {
    for (const [key, value] of properties) if (key.toLowerCase() === wanted) return value.replaceAll(" ", "");
    return "";
  };
  const topics = (list: string): readonly string[] => (list === "" ? [] : [...new Set(list.split(","))]);
  const ofApp = (list: string): readonly string[] => {
    const own = list.split(";").map((entry) => entry.split("="));
    // compat: pkg/scopes/scopes.go looks no further than a second equals sign; an entry without topics allows none
    return [...new Set(own.flatMap(([app, names]) => (app === appId && names !== undefined ? names.split(",") : [])))];
  };
  return {
    name,
    pubsub,
    isNamespaced,
    scopes: {
      publishing: ofApp(text("publishingscopes")),
      subscribing: ofApp(text("subscriptionscopes")),
      allowed: topics(text("allowedtopics")),
      protected: topics(text("protectedtopics")),
    },
  };
}

/** Whether a topic may be used by an app that has these topics in its scope. */
export function isTopicAllowed(topic: string, scopes: TopicScopes, scoped: readonly string[]): boolean {
  if (scopes.allowed.length > 0 && !scopes.allowed.includes(topic)) return false;
  if (scoped.length === 0) return !scopes.protected.includes(topic);
  return scoped.includes(topic);
}
