import type { LoadedComponent } from "../host/component.ts";
import type { Components } from "../host/components.ts";
import { isTruthy } from "../kit/truthy.ts";
import { propertyOf } from "./wire.ts";

/** What a state component says of its outbox. */
export interface OutboxSettings {
  /** Component and topic on which subscribers wait. */
  readonly publishPubsub: string;
  readonly publishTopic: string;
  /** Component of the internal topic, where store and broker have no database in common. */
  readonly outboxPubsub: string;
  /** An event whose transaction cannot be found is dropped, not tried again. */
  readonly discardsMissing: boolean;
}

function settingsOf(component: LoadedComponent): OutboxSettings | undefined {
  const publishPubsub = propertyOf(component, "outboxPublishPubsub") ?? "";
  const publishTopic = propertyOf(component, "outboxPublishTopic") ?? "";
  if (publishPubsub === "" || publishTopic === "") return undefined;
  return {
    publishPubsub,
    publishTopic,
    outboxPubsub: propertyOf(component, "outboxPubsub") || publishPubsub,
    discardsMissing: isTruthy(propertyOf(component, "outboxDiscardWhenMissingState")),
  };
}

/** The outboxes of the loaded state components, read once for each. */
export function createOutboxSettings(components: Pick<Components, "find" | "list">) {
  const known = new WeakMap<LoadedComponent, { readonly settings: OutboxSettings | undefined }>();
  return {
    /** undefined: the store has none. */
    of(storeName: string): OutboxSettings | undefined {
      const component = components.find("state", storeName);
      if (component === undefined) return undefined;
      let found = known.get(component);
      if (found === undefined) known.set(component, (found = { settings: settingsOf(component) }));
      return found.settings;
    },
    /** Names of the stores that have one. */
    stores(): readonly string[] {
      return components
        .list()
        .filter(({ category, name }) => category === "state" && this.of(name) !== undefined)
        .map(({ name }) => name);
    },
  };
}

export type AllOutboxSettings = ReturnType<typeof createOutboxSettings>;
