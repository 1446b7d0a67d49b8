import { ConfigError } from "../../config/config-error.ts";
import { flag, parseFlags } from "../../config/flags.ts";
import { dataDirFlag } from "../../config/run-flags.ts";
import { templatePath } from "../../config/run-template.ts";
import type { AppRecord } from "../../registry/app-record.ts";
import type { AppRegistry } from "../../registry/app-registry.ts";
import type { Command } from "../command.ts";
import { CommandError } from "../command-error.ts";
import { type Host, needHost, openRegistry } from "../host.ts";
import type { Program } from "../program.ts";
import { askSidecar } from "../sidecar-request.ts";
import { createStatus, type Status } from "../status.ts";

const flags = {
  "app-id": flag.list("Id of the app to stop, may be given several times", { short: "a" }),
  "run-file": flag.text("", "Stop all apps of a template: a file, or a folder with a dapr.yaml", { short: "f" }),
  "data-dir": dataDirFlag,
};

const waitMs = 15_000;
const pollMs = 50;

interface StopPorts extends Host {
  readonly program: Program;
  readonly registry: AppRegistry;
  readonly status: Status;
}

const isSame = (a: AppRecord, b: AppRecord): boolean => a.pid === b.pid && a.appId === b.appId;

/** Waits until the records are gone; false when they are still there after the longest grace period that is usual. */
async function whenGone({ program, registry }: StopPorts, gone: readonly AppRecord[]): Promise<boolean> {
  const { clock } = program.platform;
  for (const end = clock.monotonic() + waitMs; clock.monotonic() < end; await clock.sleep(pollMs)) {
    const left = await registry.list();
    if (!left.some((record) => gone.some((one) => isSame(one, record)))) return true;
  }
  return false;
}

/** One sidecar of several in a process is asked over its API; a process with a single one gets the signal of a polite end. */
async function askToEnd({ program, process }: StopPorts, record: AppRecord, all: readonly AppRecord[]): Promise<void> {
  const sharesProcess = all.some((other) => other.pid === record.pid && !isSame(other, record));
  if (!sharesProcess) {
    process.signal(record.pid, "SIGTERM");
    return;
  }
  const answer = await askSidecar(program, record, { method: "POST", path: "/v1.0/shutdown" });
  if (answer.status === 401) throw new CommandError("its API wants a token, set DAPR_API_TOKEN to it");
  if (!answer.ok) throw new CommandError(`its sidecar answered ${answer.status} to the request to shut down`);
}

async function stopApp(ports: StopPorts, appId: string): Promise<boolean> {
  const { status, registry } = ports;
  const all = await registry.list();
  const records = all.filter((record) => record.appId === appId);
  if (records.length === 0) {
    status.info(`app is not running: ${appId}`);
    return true;
  }
  try {
    for (const record of records) await askToEnd(ports, record, all);
    if (!(await whenGone(ports, records))) throw new CommandError(`it is still running after ${waitMs / 1000} s`);
    status.success(`app stopped successfully: ${appId}`);
    return true;
  } catch (error) {
    status.failure(`failed to stop app id ${appId}: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

async function stopTemplate(ports: StopPorts, given: string): Promise<boolean> {
  const { files, process, registry, status } = ports;
  const path = await templatePath(given, files, process.cwd());
  const records = (await registry.list()).filter((record) => record.runTemplatePath === path);
  if (records.length === 0) {
    status.info(`no app of "${path}" is running`);
    return true;
  }
  for (const pid of new Set(records.map((record) => record.pid))) process.signal(pid, "SIGTERM");
  if (!(await whenGone(ports, records))) {
    status.failure(`Failed to stop Dapr and app processes: some still run after ${waitMs / 1000} s`);
    return false;
  }
  status.success("Dapr and app processes stopped successfully");
  return true;
}

export const stopCommand: Command = {
  name: "stop",
  usage: "[APP_ID …] [FLAGS]",
  summary: "Stop running apps",
  about: [
    "Ends an app and its runtime as Ctrl+C would, and waits until they are gone. Of several apps in one process only the named ones end. An app that has already ended is no error.",
  ],
  examples: [
    ["One app", "pillion stop orders"],
    ["All apps of a template", "pillion stop -f dapr.yaml"],
  ],
  flags,
  async run(program, args) {
    const host = needHost(program);
    const { values, rest, command = [] } = parseFlags(flags, args, { suggest: true });
    const ids = [...values["app-id"], ...rest, ...command];
    if (ids.length === 0 && values["run-file"] === "") {
      throw new ConfigError("usage", "name the app to stop (pillion stop APP_ID), or its template (--run-file)");
    }
    const status = createStatus(host.process, program.platform.clock, false);
    const ports = { ...host, program, status, registry: openRegistry(program, values["data-dir"]) };
    let isDone = true;
    if (values["run-file"] !== "") isDone = await stopTemplate(ports, values["run-file"]);
    for (const id of ids) isDone = (await stopApp(ports, id)) && isDone;
    return isDone ? 0 : 1;
  },
};
