import type { Clock } from "../kit/clock.ts";
import { type LoadResources, loadResources, type Resources } from "./load.ts";

/** Where a sidecar's resources come from: files, or a control plane. */
export interface ResourceSource {
  /** Reads everything anew. Throws ConfigError or ResourceError. */
  list(): Promise<Resources>;
  /** Calls back some time after anything may have changed, once for changes that come together. The answer stops it. */
  watch(changed: () => void): () => void;
}

const settleMs = 100;

/** Resources from the folders and configuration files that the options name. */
export function createDiskSource(load: LoadResources, clock: Clock): ResourceSource {
  return {
    list: () => loadResources(load),
    watch: (changed) => {
      const { files } = load;
      if (!files) return () => {};
      let cancel: (() => void) | undefined;
      const noticed = () => {
        cancel?.();
        cancel = clock.after(settleMs, changed);
      };
      const stops = load.resourcesPaths.map((folder) => files.watch(folder, noticed));
      return () => {
        cancel?.();
        for (const stop of stops) stop();
      };
    },
  };
}
