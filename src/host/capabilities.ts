import { type Binding, bindingDirections } from "../driver/bindings.ts";
import type { Category, Contracts } from "../driver/define.ts";

/** Capabilities of an instance as the metadata API names them; ACTOR comes last, for stores with ETags and transactions. */
export function capabilitiesOf(
  category: Category,
  instance: Contracts[Category],
  properties: ReadonlyMap<string, string>,
): readonly string[] {
  if (category === "bindings") return bindingCapabilities(instance as Binding, properties);
  if (category === "nameresolution" || !("features" in instance)) return [];
  const features: readonly string[] = instance.features;
  if (category !== "state") return features;
  return features.includes("ETAG") && features.includes("TRANSACTIONAL") ? [...features, "ACTOR"] : features;
}

/** What a binding can do and its component does not rule out. */
function bindingCapabilities({ read, invoke }: Binding, properties: ReadonlyMap<string, string>): readonly string[] {
  const allowed = bindingDirections(properties);
  const has = (direction: string): boolean => allowed?.has(direction) ?? true;
  return [
    ...(read !== undefined && has("input") ? ["INPUT_BINDING"] : []),
    ...(invoke !== undefined && has("output") ? ["OUTPUT_BINDING"] : []),
  ];
}
