import { openBunSqlite } from "./_node/sqlite-bun.ts";
import { openNodeSqlite } from "./_node/sqlite-node.ts";
import { createThreadPort, type ThreadPort } from "./_node/thread-port.ts";
import { createSystemClock } from "./_web/clock.ts";
import type { Platform } from "./types.ts";

/** What code in a thread has: its line to the starter, time and SQLite. */
export interface ThreadPlatform {
  readonly port: ThreadPort;
  readonly clock: Platform["clock"];
  readonly sqlite: NonNullable<Platform["sqlite"]>;
}

/** The thread's side of `Platform.storageThread`, to be called once, at the top of the thread's module, on Bun, Deno and Node alike. */
export function createThreadPlatform(): ThreadPlatform {
  const bun = "Bun" in globalThis;
  return {
    port: createThreadPort(),
    clock: createSystemClock((timer) => (timer as NodeJS.Timeout).unref?.()),
    sqlite: bun ? openBunSqlite : openNodeSqlite,
  };
}
