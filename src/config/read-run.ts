import type { Random } from "../kit/random.ts";
import type { Files } from "../platform/types.ts";
import { ConfigError } from "./config-error.ts";
import { dataDirectory } from "./data-directory.ts";
import { defaultResources } from "./default-resources.ts";
import type { Environment } from "./env.ts";
import { type FlagValues, type ParsedFlags, parseFlags } from "./flags.ts";
import { generateAppId } from "./generate-app-id.ts";
import { runFlags, templateFlags } from "./run-flags.ts";
import { nonEmpty, portSetting, positive, runOptions } from "./run-options.ts";
import type { AppRun, RunPlan } from "./run-plan.ts";
import { readTemplate } from "./run-template.ts";

type Values = FlagValues<typeof runFlags>;

export interface ReadRun {
  readonly env: Environment;
  readonly files: Files;
  readonly random: Random;
  readonly cwd: string;
  readStdin(): Promise<string>;
}

function parse(args: readonly string[]): ParsedFlags<typeof runFlags> {
  try {
    return parseFlags(runFlags, args, { suggest: true });
  } catch (error) {
    if (!ConfigError.is(error) || !error.message.startsWith("unknown")) throw error;
    const message = `${error.message}; flags of the app's own go behind "--": pillion run … -- COMMAND --its-flag`;
    throw new ConfigError("usage", message, { cause: error });
  }
}

async function singleApp(
  values: Values,
  command: readonly string[],
  dataDir: string,
  { env, files, random, cwd }: ReadRun,
): Promise<AppRun> {
  const given = values["resources-path"].length > 0 ? values["resources-path"] : [values["components-path"]];
  const paths = given.filter((path) => path !== "");
  const defaults = await defaultResources(files, dataDir);
  const resourcesPaths = paths.length > 0 ? paths : defaults.resourcesPaths;
  const options = runOptions(
    {
      "app-id": values["app-id"] === "" ? generateAppId(random) : values["app-id"],
      "app-port": positive(values["app-port"]),
      "app-protocol": values["app-protocol"],
      "app-channel-address": nonEmpty(values["app-channel-address"]),
      "app-max-concurrency": values["app-max-concurrency"],
      "app-ssl": values["app-ssl"],
      "dapr-http-port": portSetting(values["dapr-http-port"]),
      "dapr-grpc-port": portSetting(values["dapr-grpc-port"]),
      "dapr-internal-grpc-port": portSetting(values["dapr-internal-grpc-port"]),
      "metrics-port": portSetting(values["metrics-port"]),
      "dapr-listen-addresses": nonEmpty(values["dapr-listen-addresses"]),
      "unix-domain-socket": values["unix-domain-socket"],
      "resources-path": resourcesPaths,
      config: values.config === "" ? defaults.configPaths : [values.config],
      "placement-host-address": values["placement-host-address"],
      "scheduler-host-address": nonEmpty(values["scheduler-host-address"]),
      "enable-profiling": values["enable-profiling"],
      "profile-port": positive(values["profile-port"]),
      "log-level": values["log-level"],
      "log-as-json": values["log-as-json"],
      "max-body-size": values["max-body-size"],
      "read-buffer-size": values["read-buffer-size"],
      "enable-app-health-check": values["enable-app-health-check"],
      "app-health-check-path": nonEmpty(values["app-health-check-path"]),
      "app-health-probe-interval": values["app-health-probe-interval"],
      "app-health-probe-timeout": values["app-health-probe-timeout"],
      "app-health-threshold": values["app-health-threshold"],
      "enable-api-logging": values["enable-api-logging"] ? true : undefined,
      "dapr-graceful-shutdown-seconds": values["dapr-graceful-shutdown-seconds"],
    },
    env,
  );
  return {
    options,
    command,
    directory: cwd,
    env: {},
    appLog: "fileAndConsole",
    runtimeLog: "fileAndConsole",
    logFolder: `${dataDir}/logs`,
    hasResources: resourcesPaths.length > 0,
    place: "",
  };
}

/** Reads the command line of `pillion run`, and the template if it names one. Throws ConfigError. */
export async function readRunCommand(args: readonly string[], host: ReadRun): Promise<RunPlan> {
  const parsed = parse(args);
  const { values, changed } = parsed;
  const command = [...parsed.rest, ...(parsed.command ?? [])];
  const dataDir = dataDirectory(values["data-dir"], host.env, host.cwd);
  const grace = values["dapr-graceful-shutdown-seconds"];
  const common = {
    dataDir,
    local: values.local,
    processPerApp: values["process-per-app"],
    isPart: values["only-app"] !== "",
    logAsJson: values["log-as-json"],
    graceMs: (grace < 0 ? 5 : grace) * 1000,
  };
  if (values["run-file"] === "") {
    if (values["process-per-app"] || values["only-app"] !== "") {
      throw new ConfigError("usage", "--process-per-app goes with a template, give one with --run-file");
    }
    const app = await singleApp(values, command, dataDir, host);
    return { ...common, apps: [app], template: undefined, warnings: parsed.notices };
  }
  if (command.length > 0) {
    const shown = command.join(" ");
    throw new ConfigError("usage", `--run-file takes its commands from the template, remove "${shown}"`);
  }
  const ignored = [...changed].filter((name) => !templateFlags.has(name));
  const warning = `The following flags are ignored when using --run-file and should be configured in the run file instead: ${ignored.join(", ")}`;
  const read = await readTemplate(values["run-file"], {
    ...host,
    dataDir,
    logAsJson: values["log-as-json"],
    graceSeconds: values["dapr-graceful-shutdown-seconds"],
  });
  const wanted = values["only-app"];
  return {
    ...common,
    apps: wanted === "" ? read.apps : read.apps.filter((app) => app.options.appId === wanted),
    template: read.template,
    warnings: [...parsed.notices, ...(ignored.length > 0 ? [warning] : []), ...read.warnings],
  };
}
