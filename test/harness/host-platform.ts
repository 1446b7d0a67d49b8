import type { Platform } from "../../src/platform/types.ts";

/** The platform of the runtime that runs the test. */
export async function hostPlatform(): Promise<Platform> {
  if ("Bun" in globalThis) return (await import("../../src/platform/bun.ts")).createBunPlatform();
  if ("Deno" in globalThis) return (await import("../../src/platform/deno.ts")).createDenoPlatform();
  return (await import("../../src/platform/node.ts")).createNodePlatform();
}
