import type { Resource } from "../config/resource/kind.ts";
import { isEqual } from "../kit/equal.ts";

/** What leads from the resources that are in use to those that are wanted. */
export interface Difference<T> {
  readonly deleted: readonly T[];
  /** As they are wanted. */
  readonly updated: readonly T[];
  readonly created: readonly T[];
}

/** What of a resource has an effect. compat: EmptyMetaDeepCopy of pkg/apis, which leaves out all metadata but the name. */
function effectOf(resource: Resource): unknown {
  if (resource.kind === "Configuration") {
    const { value } = resource;
    const spec = typeof value === "object" && value !== null && "spec" in value ? value.spec : undefined;
    return { name: resource.name, spec };
  }
  const { source: _source, namespace: _namespace, ...rest } = resource;
  return rest;
}

/** Whether two resources of one kind do the same; where they stand and what namespace they name does not matter. */
export function isSameResource<T extends Resource>(a: T, b: T): boolean {
  return isEqual(effectOf(a), effectOf(b));
}

/** Compares by name, in the order of the lists. Of several with one name in `wanted` the last counts. */
export function differenceOf<T extends Resource>(
  inUse: readonly T[],
  wanted: readonly T[],
  isSame: (a: T, b: T) => boolean = isSameResource,
): Difference<T> {
  const before = new Map(inUse.map((resource) => [resource.name, resource]));
  const after = new Map(wanted.map((resource) => [resource.name, resource]));
  const updated: T[] = [];
  const created: T[] = [];
  for (const [name, resource] of after) {
    const old = before.get(name);
    if (old === undefined) created.push(resource);
    else if (!isSame(old, resource)) updated.push(resource);
  }
  return { deleted: [...before.values()].filter(({ name }) => !after.has(name)), updated, created };
}

/** Whether there is nothing to do. */
export function isNoDifference({ deleted, updated, created }: Difference<unknown>): boolean {
  return deleted.length + updated.length + created.length === 0;
}
