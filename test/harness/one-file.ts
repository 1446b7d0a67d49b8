import embedded from "../../components/pubsub/embedded/embedded.ts";
import sqlite from "../../components/state/sqlite/sqlite.ts";
import type { PubSub } from "../../src/driver/pubsub.ts";
import type { StateStore } from "../../src/driver/state.ts";
import type { Platform } from "../../src/platform/types.ts";
import type { Step, Storage } from "../../src/storage/storage.ts";
import { createStorages } from "../../src/storage/storages.ts";
import { driverContext } from "./driver-context.ts";

/** Where a process dies: before a commit that enters the inbox, or between that commit and what its writer hears of it. */
export type DeathPoint = "beforeCommit" | "afterCommit";

/** A store and a broker on one file, as one process has them. It can be made to die, as by kill -9. */
export interface OneFile {
  readonly store: StateStore;
  readonly broker: PubSub;
  /** Transactions that were written, as the texts of their steps. */
  readonly written: readonly (readonly string[])[];
  /** From now on nothing reaches the file, and nobody hears of what did. */
  die(): void;
  /** Dies at the next transaction that enters an event into the inbox; resolves when it has happened. */
  dieAt(point: DeathPoint): Promise<void>;
  /** Reads the file. */
  read: Storage["all"];
  close(): Promise<void>;
}

const never = new Promise<never>(() => undefined);

/** Opens both on the file with engines of their own, as if nobody else of this process had it open. */
export async function openOneFile(
  platform: Platform,
  path: string,
  settings: { readonly broker?: Readonly<Record<string, string>>; readonly store?: string } = {},
): Promise<OneFile> {
  const storages = createStorages({ platform });
  const written: (readonly string[])[] = [];
  let isDead = false;
  let plan: { readonly point: DeathPoint; readonly happened: () => void } | undefined;

  async function write(storage: Storage, steps: readonly Step[]) {
    if (isDead) return never;
    written.push(steps.map(({ sql }) => sql));
    const planned = steps.some(({ sql }) => sql.includes("INTO pubsub_inbox")) ? plan : undefined;
    if (planned === undefined) return storage.write(steps).then((result) => (isDead ? never : result));
    isDead = true;
    if (planned.point === "afterCommit") await storage.write(steps);
    planned.happened();
    return never;
  }
  // What the system would take from a killed process.
  const leftovers = new Set<() => unknown>();
  const kept = (cancel: () => void): (() => void) => {
    leftovers.add(cancel);
    return cancel;
  };
  const clock: Platform["clock"] = {
    ...platform.clock,
    after: (ms, wake) => kept(platform.clock.after(ms, wake)),
    alarm: (at, wake) => kept(platform.clock.alarm(at, wake)),
  };
  const { udp } = platform;
  const context = driverContext(platform, "one", {
    clock,
    platform: {
      ...platform,
      clock,
      ...(udp !== undefined && {
        async udp(options) {
          const socket = await udp(options);
          leftovers.add(() => socket.close());
          return socket;
        },
      }),
    },
    async storage(file, options) {
      const storage = await storages.open(file, options);
      leftovers.add(() => storage.close());
      return { ...storage, write: (steps) => write(storage, steps) };
    },
  });
  const quick = { leaseDuration: "200ms", backOffInitialInterval: "5ms", backOffMaxInterval: "20ms" };
  const store = (await sqlite.open(new Map([["connectionString", settings.store ?? path]]), context)) as StateStore;
  const broker = (await embedded.open(
    new Map(Object.entries({ path, ...quick, ...settings.broker })),
    context,
  )) as PubSub;
  const file = await storages.open(path);
  return {
    store,
    broker,
    written,
    die() {
      isDead = true;
    },
    dieAt: (point) =>
      new Promise((resolve) => {
        plan = { point, happened: resolve };
      }),
    read: (sql, params) => file.all(sql, params),
    async close() {
      await file.close();
      if (isDead) {
        for (const end of leftovers) await end();
        return;
      }
      await broker.close();
      await store.close();
    },
  };
}
