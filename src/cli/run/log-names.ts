import type { Files } from "../../platform/types.ts";

/** How many runs of an app keep their logs in the data folder. */
const keptRuns = 10;

/** The kinds of log files, named as upstream names them. */
export type LogKind = "app" | "daprd";

/** Name of a log file: id, kind, and the local time to the second. compat: cli pkg/runfileconfig/run_file_config.go */
export function logName(appId: string, kind: LogKind, epochMs: number): string {
  const at = new Date(epochMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}`;
  const time = `${two(at.getHours())}${two(at.getMinutes())}${two(at.getSeconds())}`;
  return `${appId}_${kind}_${day}${time}.log`;
}

async function logsOf(files: Files, folder: string, appId: string, kind: LogKind): Promise<readonly string[]> {
  const entries = await files.list(folder).catch(() => []);
  const prefix = `${appId}_${kind}_`;
  return entries
    .map((entry) => entry.name)
    .filter((name) => name.startsWith(prefix) && /^\d{14}\.log$/.test(name.slice(prefix.length)))
    .sort();
}

/** The last run's log file of an app; undefined when there is none. */
export async function newestLog(
  files: Files,
  folder: string,
  appId: string,
  kind: LogKind,
): Promise<string | undefined> {
  const newest = (await logsOf(files, folder, appId, kind)).at(-1);
  return newest === undefined ? undefined : `${folder}/${newest}`;
}

/** Removes the log files of all but the last runs of an app. */
export async function removeOldLogs(files: Files, folder: string, appId: string): Promise<void> {
  for (const kind of ["app", "daprd"] as const) {
    const old = (await logsOf(files, folder, appId, kind)).slice(0, -keptRuns);
    for (const name of old) await files.remove(`${folder}/${name}`);
  }
}
