import driver from "../../components/pubsub/embedded/embedded.ts";
import type { DriverContext } from "../../src/driver/context.ts";
import type { PubSub } from "../../src/driver/pubsub.ts";
import type { Platform } from "../../src/platform/types.ts";
import type { Storage, StorageOpen } from "../../src/storage/storage.ts";
import { createStorages } from "../../src/storage/storages.ts";
import { hostPlatform } from "./host-platform.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const platform = await hostPlatform();

/** A file with an embedded broker, and a process that uses it. */
export interface EmbeddedWorld {
  readonly path: string;
  readonly warnings: string[];
  open(appId: string, settings?: Readonly<Record<string, string>>, clock?: Platform["clock"]): Promise<PubSub>;
  /** The file itself. */
  storage(options?: StorageOpen): Promise<Storage>;
}

/** What a process of its own would have: nothing in common with others but the file, which is a new one by default. */
export function embeddedWorld(
  path = `${temporaryFolder().path}/broker.db`,
  host: Pick<Platform, "sqlite" | "storageThread" | "files" | "clock"> = platform,
): EmbeddedWorld {
  const storages = createStorages({ platform: host });
  const { signal } = new AbortController();
  const warnings: string[] = [];
  const log = { debug() {}, info() {}, warn: (line: string) => void warnings.push(line), error() {} };
  return {
    path,
    warnings,
    open: (appId, settings = {}, clock = platform.clock) =>
      driver.open(new Map(Object.entries({ path, ...settings })), {
        name: "pubsub",
        appId,
        namespace: "",
        log,
        signal,
        platform,
        clock,
        random: platform.random,
        storage: (file, options) => storages.open(file, options),
      } satisfies DriverContext) as Promise<PubSub>,
    storage: (options) => storages.open(path, options),
  };
}

/** How many rows a table of the broker has. */
export async function countRows(world: EmbeddedWorld, table: string, where = "1"): Promise<number> {
  const storage = await world.storage();
  const count = Number(storage.get(`SELECT count(*) AS n FROM ${table} WHERE ${where}`, [])?.["n"]);
  await storage.close();
  return count;
}
