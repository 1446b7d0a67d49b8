import type { Category, Contracts } from "../driver/define.ts";

/** Capabilities of an instance as the metadata API names them; ACTOR comes last, for stores with ETags and transactions. */
export function capabilitiesOf(category: Category, instance: Contracts[Category]): readonly string[] {
  if (category === "nameresolution" || !("features" in instance)) return [];
  const features: readonly string[] = instance.features;
  if (category !== "state")
    return category === "pubsub" ? features.filter((name) => name === "SUBSCRIBE_WILDCARDS") : features;
  return features.includes("ETAG") && features.includes("TRANSACTIONAL") ? [...features, "ACTOR"] : features;
}
