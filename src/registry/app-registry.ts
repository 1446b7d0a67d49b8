import type { Files, ProcessControl } from "../platform/types.ts";
import { type AppRecord, parseAppRecord } from "./app-record.ts";

/** The running sidecars of one data folder, kept as one small file each in `<dataDir>/apps`. */
export interface AppRegistry {
  /** Writes or replaces a record; the answer removes it. */
  announce(record: AppRecord): Promise<() => Promise<void>>;
  /** Records whose process lives, oldest first. Those of dead processes are removed on the way. */
  list(): Promise<readonly AppRecord[]>;
}

export interface AppRegistryPorts {
  readonly files: Files;
  readonly process: ProcessControl;
  readonly dataDir: string;
}

interface ProcessState {
  /** When it started, as the system counts it; empty where it does not tell (then only the pid identifies it). */
  readonly started: string;
  /** It has ended, but its parent has not asked for its exit code yet. */
  readonly isZombie: boolean;
}

async function processState(files: Files, pid: number): Promise<ProcessState> {
  try {
    const stat = await files.readText(`/proc/${pid}/stat`);
    // The second field is the name in parentheses and may hold anything; field 3 is the state, 22 the start time in ticks.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { started: fields[19] ?? "", isZombie: /^[ZX]/.test(fields[0] ?? "") };
  } catch {
    return { started: "", isZombie: false };
  }
}

/** Opens the registry of a data folder; nothing is written before the first announcement. */
export function createAppRegistry({ files, process, dataDir }: AppRegistryPorts): AppRegistry {
  const folder = `${dataDir}/apps`;
  const fileOf = (record: AppRecord): string => `${folder}/${encodeURIComponent(record.appId)}.${record.pid}.json`;

  async function isAlive(record: AppRecord): Promise<boolean> {
    if (record.pid === process.pid) return true;
    if (!process.signal(record.pid, 0)) return false;
    const { started, isZombie } = await processState(files, record.pid);
    return !isZombie && (record.pidStarted === "" || started === record.pidStarted);
  }

  return {
    async announce(record) {
      const full = { ...record, pidStarted: (await processState(files, record.pid)).started };
      await files.makeDirectory(folder, 0o700);
      await files.replace(fileOf(record), `${JSON.stringify(full)}\n`, 0o600);
      return () => files.remove(fileOf(record));
    },
    async list() {
      const entries = await files.list(folder).catch(() => []);
      const records = await Promise.all(
        entries
          .filter((entry) => entry.kind === "file" && entry.name.endsWith(".json"))
          .map(async (entry) => {
            const path = `${folder}/${entry.name}`;
            const record = parseAppRecord(await files.readText(path).catch(() => ""));
            if (record === undefined) return undefined;
            if (await isAlive(record)) return record;
            await files.remove(path).catch(() => undefined);
            return undefined;
          }),
      );
      return records.filter((record) => record !== undefined).sort((a, b) => a.created - b.created);
    },
  };
}
