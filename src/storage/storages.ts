import type { Files, Platform } from "../platform/types.ts";
import type { EngineHost } from "./engine.ts";
import { openEngine } from "./engine.ts";
import { isMemoryPath } from "./open-database.ts";
import type { Storage, StorageOpen } from "./storage.ts";
import { StorageError } from "./storage-error.ts";
import { createThreadWriters } from "./thread-writers.ts";

/** The embedded engines of one process: one per file, however many open it. */
export interface Storages {
  /** `:memory:` gives a database of its own each time. Rejects with StorageError. */
  open(path: string, options?: StorageOpen): Promise<Storage>;
  /** Starts what files need beforehand, and keeps it until the answer is called; calling it twice counts once. */
  hold(): () => Promise<void>;
}

/** What the engines take from the host. */
export interface StoragesOptions {
  readonly platform: Pick<Platform, "sqlite" | "storageThread" | "files" | "clock">;
  /** For tests: how much longer each commit takes, as on a slow disk. Default 0. */
  readonly syncDelayMs?: number;
}

interface Opened {
  readonly access: string;
  readonly journal: string;
  readonly engine: Promise<Storage>;
  uses: number;
}

/** The same text for all names of a file, also of one that does not exist yet. */
async function canonicalPath(files: Files | undefined, path: string): Promise<string> {
  if (files === undefined) return path;
  const cut = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  const folder = cut < 0 ? "." : path.slice(0, cut + 1);
  try {
    return await files.realPath(path);
  } catch {
    const real = await files.realPath(folder).catch(() => {
      const message = `cannot open ${JSON.stringify(path)}: there is no folder ${JSON.stringify(folder)}; create it first`;
      throw new StorageError("failed", message);
    });
    return `${real.endsWith("/") ? real : `${real}/`}${path.slice(cut + 1)}`;
  }
}

/** One use of an engine; closing it twice counts once. */
function useOf(engine: Storage, release: () => Promise<void>): Storage {
  let isReleased = false;
  return {
    ...engine,
    async close() {
      if (isReleased) return;
      isReleased = true;
      await release();
    },
  };
}

/** Gives out the engines of this process. The owner of the answer keeps it as long as any sidecar runs. */
export function createStorages({ platform, syncDelayMs = 0 }: StoragesOptions): Storages {
  const opened = new Map<string, Opened>();
  const { sqlite, storageThread, files, clock } = platform;
  const threads = storageThread === undefined ? undefined : createThreadWriters(storageThread, syncDelayMs);
  const host: EngineHost | undefined =
    sqlite === undefined ? undefined : { sqlite, clock, syncDelayMs, ...(threads !== undefined && { threads }) };

  return {
    hold: () => threads?.hold() ?? (async () => {}),
    async open(path, options = {}) {
      if (host === undefined)
        throw new StorageError("failed", `cannot open ${JSON.stringify(path)}: this host has no SQLite`);
      if (isMemoryPath(path)) return openEngine(host, path, options);
      const key = await canonicalPath(files, path);
      if (options.access === "existing" || options.access === "read") {
        if (files !== undefined && (await files.stat(key)) === null)
          throw new StorageError("failed", `cannot open ${JSON.stringify(path)}: there is no such file`);
      }
      const access = options.access === "read" ? "read" : "write";
      const journal = options.journal ?? "wal";
      let entry = opened.get(key);
      if (entry === undefined) {
        entry = { access, journal, engine: openEngine(host, key, options), uses: 0 };
        opened.set(key, entry);
      } else if (entry.access !== access || entry.journal !== journal) {
        const message = `cannot open ${JSON.stringify(path)} for ${access} with journal ${journal}: it is already open for ${entry.access} with journal ${entry.journal}; give all components of this file the same settings`;
        throw new StorageError("failed", message);
      }
      const used = entry;
      used.uses += 1;
      const release = async (): Promise<void> => {
        used.uses -= 1;
        if (used.uses > 0) return;
        if (opened.get(key) === used) opened.delete(key);
        await (await used.engine).close();
      };
      try {
        return useOf(await used.engine, release);
      } catch (error) {
        if (opened.get(key) === used) opened.delete(key);
        throw error;
      }
    },
  };
}
