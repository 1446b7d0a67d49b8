import * as v from "valibot";
import { lazily } from "../../kit/lazily.ts";
import { block, field, list } from "../schema-field.ts";
import { manifestFields, type ResourceMeta, type ResourceSourcePlace, resourceMeta } from "./manifest.ts";

export interface SubscriptionRule {
  /** A CEL expression over `event`; empty matches all. */
  readonly match: string;
  readonly path: string;
}
/** A declarative subscription, in the shape of its second version. */
export interface Subscription extends ResourceMeta {
  readonly kind: "Subscription";
  readonly pubsubName: string;
  readonly topic: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** In order; the default route comes last, with an empty match. */
  readonly rules: readonly SubscriptionRule[];
  readonly deadLetterTopic: string;
  readonly bulkSubscribe: {
    readonly enabled: boolean;
    readonly maxMessagesCount: number;
    readonly maxAwaitDurationMs: number;
  };
}

const common = () => ({
  pubsubname: field.text(),
  topic: field.text(),
  metadata: field.textMap(),
  deadLetterTopic: field.text(),
  bulkSubscribe: block({
    enabled: field.flag(),
    maxMessagesCount: field.integer(),
    maxAwaitDurationMs: field.integer(),
  }),
});

export const subscriptionV1Schema = lazily(() =>
  v.object({
    ...manifestFields(),
    spec: block({ ...common(), route: field.text() }),
  }),
);
export const subscriptionV2Schema = lazily(() =>
  v.object({
    ...manifestFields(),
    spec: block({
      ...common(),
      routes: block({
        default: field.text(),
        rules: list(v.object({ match: field.text(), path: field.text() })),
      }),
    }),
  }),
);

type V1 = v.InferOutput<ReturnType<typeof subscriptionV1Schema>>;
type V2 = v.InferOutput<ReturnType<typeof subscriptionV2Schema>>;

/** A subscription from a manifest of either version. */
export function subscriptionFrom(manifest: V1 | V2, source: ResourceSourcePlace): Subscription {
  const { spec } = manifest;
  const routes = "routes" in spec ? spec.routes : { default: spec.route, rules: [] };
  return {
    kind: "Subscription",
    ...resourceMeta(manifest, source),
    pubsubName: spec.pubsubname,
    topic: spec.topic,
    metadata: spec.metadata,
    rules: [...routes.rules, ...(routes.default === "" ? [] : [{ match: "", path: routes.default }])],
    deadLetterTopic: spec.deadLetterTopic,
    bulkSubscribe: spec.bulkSubscribe,
  };
}
