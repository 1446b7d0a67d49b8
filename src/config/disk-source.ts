import type { Clock } from "../kit/clock.ts";
import { type FolderResources, type LoadResources, loadFolders, loadResources, type Resources } from "./load.ts";

/** Where a sidecar's resources come from: files, or a control plane. */
export interface ResourceSource {
  /** Reads everything anew. Throws ConfigError or ResourceError. */
  list(): Promise<Resources>;
  /** Reads the resource folders anew, not the configuration that the sidecar was started with. Throws ResourceError. */
  listFolders(): Promise<FolderResources>;
  /**
   * Calls back some time after anything in the folders may have changed, once for changes that come together. A folder that is not
   * there is not watched. The answer stops it.
   */
  watch(changed: () => void): () => void;
}

const settleMs = 100;
/** Changes that never rest are told after this long. */
const longestMs = 2000;

/** Resources from the folders and configuration files that the options name. */
export function createDiskSource(load: LoadResources, clock: Clock): ResourceSource {
  return {
    list: () => loadResources(load),
    listFolders: () => loadFolders(load),
    watch: (changed) => {
      const { files } = load;
      if (!files) return () => {};
      let cancel: (() => void) | undefined;
      let since = 0;
      const tell = () => {
        cancel = undefined;
        changed();
      };
      const noticed = () => {
        const now = clock.monotonic();
        if (cancel === undefined) since = now;
        cancel?.();
        cancel = clock.after(Math.max(0, Math.min(settleMs, since + longestMs - now)), tell);
      };
      const stops = load.resourcesPaths.flatMap((folder) => {
        try {
          return [files.watch(folder, noticed)];
        } catch {
          // It is not there; whoever lists the resources is told so.
          return [];
        }
      });
      return () => {
        cancel?.();
        for (const stop of stops) stop();
      };
    },
  };
}
