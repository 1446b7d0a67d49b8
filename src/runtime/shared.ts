import type { Catalog } from "../driver/define.ts";
import type { Platform } from "../platform/types.ts";
import type { AppRegistry } from "../registry/app-registry.ts";
import type { Storages } from "../storage/storages.ts";
import type { LocalSidecars } from "./local-sidecars.ts";
import type { LocalAccept } from "./wire-invoke.ts";

/** What the sidecars of one process share. Each piece is handed on as a port; nothing below takes all of it. */
export interface Shared {
  readonly platform: Platform;
  readonly catalog: Catalog;
  /** Version of the runtime, for example `1.18.1`: the release of upstream whose wire we speak. */
  readonly version: string;
  /** Folder for durable data of the node; undefined when none was given. */
  readonly dataDir: string | undefined;
  readonly storages: Storages;
  /** The sidecars of this process by app id, for calls without a hop. */
  readonly sidecars: LocalSidecars<LocalAccept>;
  /** Running sidecars of the data folder; undefined without one. Asked before any other resolver. */
  readonly registry: AppRegistry | undefined;
}
