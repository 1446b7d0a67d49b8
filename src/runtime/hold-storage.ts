import type { Shared } from "./shared.ts";

/**
 * Starts the thread of the embedded engine ahead where a component needs it, since that takes as long as the rest of a
 * start. The answer is called once the components have opened; the thread then stays as long as one of them has a file.
 */
export async function holdStorage(
  { catalog, storages }: Pick<Shared, "catalog" | "storages">,
  components: readonly { readonly type: string }[],
): Promise<() => Promise<void>> {
  for (const { type } of components) {
    // A driver that cannot be loaded is reported when its component opens.
    const loaded = await catalog[type.toLowerCase()]?.().catch(() => undefined);
    if (loaded?.default.needs.includes("sqlite")) return storages.hold();
  }
  return async () => {};
}
