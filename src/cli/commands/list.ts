import { ConfigError } from "../../config/config-error.ts";
import { flag, parseFlags } from "../../config/flags.ts";
import { formatYaml } from "../../config/format-yaml.ts";
import { dataDirFlag } from "../../config/run-flags.ts";
import type { AppRecord } from "../../registry/app-record.ts";
import type { Command } from "../command.ts";
import { needHost, openRegistry } from "../host.ts";
import { formatTable } from "../table.ts";

const flags = {
  output: flag.text("table", "Form of the output: table, json or yaml", { short: "o" }),
  "data-dir": dataDirFlag,
};

const commandWidth = 20;

/** compat: cli pkg/age/age.go */
function ageOf(ms: number): string {
  const seconds = ms / 1000;
  if (seconds <= 60) return `${Math.trunc(seconds)}s`;
  if (seconds <= 3600) return `${Math.trunc(seconds / 60)}m`;
  if (seconds <= 86_400) return `${Math.trunc(seconds / 3600)}h`;
  return `${Math.trunc(seconds / 86_400)}d`;
}

/** compat: upstream's layout `2006-01-02 15:04.05`, in local time */
function createdAt(ms: number): string {
  const at = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}.${two(at.getSeconds())}`;
}

/** compat: the keys and their order are those of cli pkg/standalone/list.go */
function rowOf(record: AppRecord, now: number) {
  const { command } = record;
  return {
    appId: record.appId,
    httpPort: record.httpPort,
    grpcPort: record.grpcPort,
    appPort: record.appPort,
    metricsEnabled: record.metricsPort > 0,
    command: command.length > commandWidth ? `${command.slice(0, commandWidth - 3)}...` : command,
    age: ageOf(now - record.created),
    created: createdAt(record.created),
    daprdPid: record.pid,
    cliPid: record.pid,
    appPid: record.appPid,
    maxRequestBodySize: record.maxBodySize,
    httpReadBufferSize: record.readBufferSize,
    runTemplatePath: record.runTemplatePath,
    appLogPath: record.appLogPath,
    daprdLogPath: record.runtimeLogPath,
    runTemplateName: record.runTemplateName,
  };
}
type Row = ReturnType<typeof rowOf>;

const columns: readonly (readonly [string, keyof Row])[] = [
  ["APP ID", "appId"],
  ["HTTP PORT", "httpPort"],
  ["GRPC PORT", "grpcPort"],
  ["APP PORT", "appPort"],
  ["COMMAND", "command"],
  ["AGE", "age"],
  ["CREATED", "created"],
  ["DAPRD PID", "daprdPid"],
  ["CLI PID", "cliPid"],
  ["APP PID", "appPid"],
  ["RUN_TEMPLATE_PATH", "runTemplatePath"],
  ["APP_LOG_PATH", "appLogPath"],
  ["DAPRD_LOG_PATH", "daprdLogPath"],
];

export const listCommand: Command = {
  name: "list",
  usage: "[FLAGS]",
  summary: "List running apps",
  about: [
    "Shows the apps that pillion run serves from the same data folder, with their ports and processes. The JSON and YAML forms have upstream's keys.",
  ],
  examples: [
    ["As a table", "pillion list"],
    ["The HTTP port of an app, for a script", `pillion list -o json | jq '.[] | select(.appId=="orders").httpPort'`],
  ],
  flags,
  async run(program, args) {
    const { process } = needHost(program);
    const { values, rest } = parseFlags(flags, args, { suggest: true });
    if (rest.length > 0) throw new ConfigError("usage", `list takes no arguments, remove "${rest.join(" ")}"`);
    const now = program.platform.clock.now();
    const rows = (await openRegistry(program, values["data-dir"]).list()).map((record) => rowOf(record, now));
    switch (values.output) {
      case "json":
        process.stdout(`${JSON.stringify(rows, undefined, 2)}\n`);
        return 0;
      case "yaml":
        process.stdout(await formatYaml(rows));
        return 0;
      case "table":
      case "":
        if (rows.length === 0) process.stdout("No Dapr instances found.\n");
        else {
          const cells = rows.map((row) => columns.map(([, key]) => String(row[key])));
          process.stdout(formatTable([columns.map(([title]) => title), ...cells]));
        }
        return 0;
      default:
        throw new ConfigError("usage", `unknown output "${values.output}", use table, json or yaml`);
    }
  },
};
