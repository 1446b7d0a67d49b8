import { ConfigError } from "../../config/config-error.ts";
import { dataDirectory } from "../../config/data-directory.ts";
import { flag, parseFlags } from "../../config/flags.ts";
import { dataDirFlag } from "../../config/run-flags.ts";
import type { Files } from "../../platform/types.ts";
import type { Command } from "../command.ts";
import { CommandError } from "../command-error.ts";
import { needHost, openRegistry } from "../host.ts";
import { newestLog } from "../run/log-names.ts";

const flags = {
  "app-id": flag.text("", "Id of the app", { short: "a" }),
  follow: flag.bool(false, "Go on until Ctrl+C, printing what is added", { short: "f" }),
  app: flag.bool(false, "Only the lines of the app"),
  runtime: flag.bool(false, "Only the lines of the runtime"),
  "data-dir": dataDirFlag,
};

const pollMs = 200;

/** Prints a file from where it was left, whole lines at a time; a file that was cut begins anew. */
function createTail(files: Files, path: string, print: (text: string) => void) {
  let offset = 0;
  let rest: Uint8Array = new Uint8Array();
  return async (): Promise<void> => {
    const size = (await files.stat(path))?.size ?? 0;
    if (size < offset) {
      offset = 0;
      rest = new Uint8Array();
    }
    if (size === offset) return;
    const added = await files.readBytes(path, offset);
    offset += added.length;
    const bytes = new Uint8Array(rest.length + added.length);
    bytes.set(rest);
    bytes.set(added, rest.length);
    const end = bytes.lastIndexOf(10) + 1;
    rest = bytes.slice(end);
    if (end > 0) print(new TextDecoder().decode(bytes.subarray(0, end)));
  };
}

export const logsCommand: Command = {
  name: "logs",
  usage: "APP_ID [FLAGS]",
  summary: "Show the log of an app and its runtime",
  about: [
    "Prints what the app and its runtime have written in their last run. The files stand in the folder logs of the data folder; those of a template's apps in .dapr/logs beside each app, where they are found while it runs.",
  ],
  examples: [
    ["The runtime's lines, then the app's", "pillion logs orders"],
    ["The app's lines as they come", "pillion logs orders --app -f"],
  ],
  flags,
  async run(program, args) {
    const { files, process } = needHost(program);
    const { values, rest } = parseFlags(flags, args, { suggest: true });
    const [appId = values["app-id"]] = rest;
    if (appId === "") throw new ConfigError("usage", "name the app: pillion logs APP_ID");
    const dataDir = dataDirectory(values["data-dir"], program.platform.env, process.cwd());
    const record = (await openRegistry(program, values["data-dir"]).list()).findLast((one) => one.appId === appId);
    const folder = `${dataDir}/logs`;
    const runtimePath = record?.runtimeLogPath || (await newestLog(files, folder, appId, "daprd"));
    const appPath = record?.appLogPath || (await newestLog(files, folder, appId, "app"));
    const both = values.app === values.runtime;
    const paths = [both || values.runtime ? runtimePath : "", both || values.app ? appPath : ""];
    const found = paths.filter((path) => path !== undefined && path !== "");
    if (found.length === 0) throw new CommandError(`there are no logs of app "${appId}" in "${folder}"`);
    const tails = found.map((path) => createTail(files, path ?? "", process.stdout));
    for (const tail of tails) await tail();
    if (!values.follow) return 0;
    const over = new AbortController();
    const stops = (["SIGINT", "SIGTERM"] as const).map((signal) => process.onSignal(signal, () => over.abort()));
    while (!over.signal.aborted) {
      await program.platform.clock.sleep(pollMs, over.signal).catch(() => undefined);
      for (const tail of tails) await tail();
    }
    for (const stop of stops) stop();
    return 0;
  },
};
