import type { Catalog } from "../driver/define.ts";
import type { PubSub } from "../driver/pubsub.ts";
import type { Platform } from "../platform/types.ts";
import { createStorages } from "../storage/storages.ts";

export interface OpenBrokerOptions {
  readonly platform: Platform;
  readonly catalog: Catalog;
  /** The broker's file. */
  readonly path: string;
  readonly warn: (line: string) => void;
}

/** Opens the embedded broker of a file for work on its topics, without a sidecar. Undefined when the catalog has none. */
export async function openBroker({ platform, catalog, path, warn }: OpenBrokerOptions): Promise<PubSub | undefined> {
  const load = catalog["pubsub.embedded"];
  if (load === undefined) return undefined;
  const { default: driver } = await load();
  const storages = createStorages({ platform });
  const broker = await driver.open(new Map([["path", path]]), {
    name: "topics",
    appId: "pillion-topics",
    namespace: "",
    log: { debug() {}, info() {}, warn, error: warn },
    signal: new AbortController().signal,
    platform,
    clock: platform.clock,
    random: platform.random,
    storage: (file, options) => storages.open(file, options),
  });
  return broker as PubSub;
}
