import type { Catalog } from "../driver/define.ts";
import type { Platform } from "../platform/types.ts";
import { createAppRegistry } from "../registry/app-registry.ts";
import { createStorages } from "../storage/storages.ts";
import { createLocalSidecars } from "./local-sidecars.ts";
import type { Shared } from "./shared.ts";
import { type Sidecar, type SidecarSettings, startSidecar } from "./sidecar.ts";

export interface NodeSettings {
  readonly platform: Platform;
  readonly catalog: Catalog;
  readonly version: string;
  readonly dataDir?: string;
}

/** One process that serves sidecars: they share engines and find each other without a hop. */
export interface RuntimeNode {
  start(settings: SidecarSettings): Sidecar;
  /** The sidecars that have not ended. */
  sidecars(): readonly Sidecar[];
  /** Stops all of them as a signal would; the highest of their exit codes. */
  stop(): Promise<number>;
}

/** Makes a node without sidecars. */
export function createNode({ platform, catalog, version, dataDir }: NodeSettings): RuntimeNode {
  const running = new Set<Sidecar>();
  const { files, process } = platform;
  const shared: Shared = {
    platform,
    catalog,
    version,
    dataDir,
    storages: createStorages({ platform }),
    sidecars: createLocalSidecars(),
    registry:
      dataDir === undefined || files === undefined || process === undefined
        ? undefined
        : createAppRegistry({ files, process, dataDir }),
  };
  return {
    start(settings) {
      const sidecar = startSidecar(shared, settings);
      running.add(sidecar);
      void sidecar.ended.then(() => running.delete(sidecar));
      return sidecar;
    },
    sidecars: () => [...running],
    async stop() {
      const codes = await Promise.all([...running].map((sidecar) => sidecar.stop()));
      return Math.max(0, ...codes);
    },
  };
}
