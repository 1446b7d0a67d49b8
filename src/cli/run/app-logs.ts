import type { AppRun, LogDestination } from "../../config/run-plan.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Host } from "../host.ts";
import { type LogSink, openRunLog } from "./log-file.ts";
import { logName, removeOldLogs } from "./log-names.ts";

/** Where the lines of one app and its runtime go. Paths are empty where there is no file. */
export interface AppLogs {
  readonly appPath: string;
  readonly runtimePath: string;
  /** A line of the app, without prefix and end. */
  app(line: string): void;
  /** A line of the runtime's log with its end. */
  runtime(line: string): void;
  flush(): Promise<void>;
}

const mostBytes = 64 * 1024 * 1024;

/** Opens the log files of one app. `prefix` stands before its lines on the console. Rejects with CommandError. */
export async function openAppLogs(
  { files, process }: Host,
  clock: Clock,
  { app, prefix, keepsAll }: { readonly app: AppRun; readonly prefix: string; readonly keepsAll: boolean },
): Promise<AppLogs> {
  const { appId } = app.options;
  if (!keepsAll) await removeOldLogs(files, app.logFolder, appId).catch(() => undefined);
  const open = async (kind: "app" | "daprd", destination: LogDestination): Promise<LogSink | undefined> =>
    destination === "console"
      ? undefined
      : openRunLog(files, `${app.logFolder}/${logName(appId, kind, clock.now())}`, mostBytes);
  const appFile = app.command.length === 0 ? undefined : await open("app", app.appLog);
  const runtimeFile = await open("daprd", app.runtimeLog);
  return {
    appPath: appFile?.path ?? "",
    runtimePath: runtimeFile?.path ?? "",
    app(line) {
      appFile?.write(`${line}\n`);
      if (app.appLog !== "file") process.stdout(`${prefix}${line}\n`);
    },
    runtime(line) {
      runtimeFile?.write(line);
      if (app.runtimeLog !== "file") process.stdout(line);
    },
    async flush() {
      await appFile?.flush();
      await runtimeFile?.flush();
    },
  };
}
