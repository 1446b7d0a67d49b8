import { ConfigError } from "../../config/config-error.ts";
import { dataDirectory, homeDirectory } from "../../config/data-directory.ts";
import { readEnvReference } from "../../config/env.ts";
import { type Flag, flag, parseFlags } from "../../config/flags.ts";
import { readComponentFile } from "../../config/read-component-file.ts";
import type { Component } from "../../config/resource/component.ts";
import { dataDirFlag } from "../../config/run-flags.ts";
import { createLog } from "../../telemetry/log.ts";
import type { LogLevel } from "../../telemetry/ports.ts";
import type { Command } from "../command.ts";
import { CommandError } from "../command-error.ts";
import { needHost } from "../host.ts";
import type { Program } from "../program.ts";

/** Values may hold commas, so that each needs a flag of its own. */
const items: Flag<readonly string[]> = {
  kind: "list",
  fallback: [],
  help: "One metadata item, NAME=VALUE; once for each item",
  short: "m",
  parse: (raw, previous) => [...(previous ?? []), raw],
};

const flags = {
  type: flag.text("", "Component type, for example state.redis", { short: "t" }),
  version: flag.text("v1", "Version of the type"),
  socket: flag.text("", "Path of the unix socket; its file name becomes the name of the type for hosts", {
    short: "s",
  }),
  metadata: items,
  component: flag.text("", "Component file to take type, version and metadata from", { short: "f" }),
  "log-level": flag.text("info", "Level of the log: debug, info, warn, error or fatal"),
  "log-as-json": flag.bool(false, "Write the log as JSON"),
  "data-dir": dataDirFlag,
};

const levels: ReadonlySet<string> = new Set(["debug", "info", "warn", "error", "fatal"]);

function readItems(given: readonly string[]): Map<string, string> {
  const metadata = new Map<string, string>();
  for (const item of given) {
    const at = item.indexOf("=");
    if (at < 1) throw new ConfigError("usage", `--metadata ${JSON.stringify(item)} is no NAME=VALUE`);
    metadata.set(item.slice(0, at), item.slice(at + 1));
  }
  return metadata;
}

/** Metadata of a file: values and what they name of the environment. */
function metadataOf(component: Component, path: string, env: Program["platform"]["env"]): Map<string, string> {
  const metadata = new Map<string, string>();
  for (const { name, value = "", secretKeyRef, envRef } of component.metadata) {
    if (value === "" && secretKeyRef !== undefined)
      throw new ConfigError(
        "options",
        `"${path}" takes metadata "${name}" from a secret store, which there is none of here: use envRef, or --metadata`,
      );
    const found = value === "" && envRef !== undefined ? readEnvReference(env, envRef) : value;
    if (found === null)
      throw new ConfigError("options", `"${path}" takes metadata "${name}" from ${envRef}, which may not be read`);
    metadata.set(name, found);
  }
  return metadata;
}

export const componentCommand: Command = {
  name: "component",
  usage: "--type TYPE --socket PATH [FLAGS]",
  summary: "Serve a built-in driver to other runtimes as a pluggable component",
  about: [
    "Listens on a unix socket and speaks the protocol of pluggable components over gRPC: state stores, message brokers, bindings and secret stores. A runtime that finds the socket in its components socket folder has a component type CATEGORY.NAME, where NAME is the file name of the socket without its extension.",
    "Metadata from the command line is for every instance; what a Component resource of the runtime says wins. Each Component resource of that type gets an instance of its own.",
  ],
  examples: [
    [
      "State in SQLite for a Dapr sidecar, as type state.sqlite-file",
      "pillion component --type state.sqlite --socket /tmp/dapr-components-sockets/sqlite-file.sock --metadata connectionString=/var/lib/app.db",
    ],
    [
      "From a component file",
      "pillion component --component pubsub.yaml --socket /tmp/dapr-components-sockets/streams.sock",
    ],
  ],
  flags,
  async run(program, args) {
    const { files, process } = needHost(program);
    const { platform, catalog, version } = program;
    const { values, rest } = parseFlags(flags, args, { suggest: true });
    if (rest.length > 0) throw new ConfigError("usage", `unexpected argument "${rest[0]}"`);
    if (values.socket === "")
      throw new ConfigError("usage", "name the socket: --socket /tmp/dapr-components-sockets/NAME.sock");
    if (!levels.has(values["log-level"]))
      throw new ConfigError(
        "usage",
        `--log-level ${JSON.stringify(values["log-level"])} is none of ${[...levels].join(", ")}`,
      );
    const file = values.component === "" ? undefined : await readComponentFile(files, values.component);
    const type = values.type || file?.type || "";
    if (type === "")
      throw new ConfigError("usage", "name the type, as in --type state.redis, or a file with --component");
    const fromFile = file === undefined ? [] : metadataOf(file, values.component, platform.env);
    const log = createLog({
      write: (line) => process.stdout(line),
      level: values["log-level"] as LogLevel,
      json: values["log-as-json"],
      appId: "",
      instance: process.hostname,
      version,
      clock: platform.clock,
    }).scope("pillion.component");

    const stopped = Promise.withResolvers<void>();
    const stops = (["SIGINT", "SIGTERM"] as const).map((signal) => process.onSignal(signal, () => stopped.resolve()));
    const serveComponent = await program.serveComponent();
    const server = await serveComponent({
      platform,
      catalog,
      log,
      type,
      version: args.some((arg) => arg.startsWith("--version")) ? values.version : file?.version || values.version,
      metadata: new Map([...fromFile, ...readItems(values.metadata)]),
      socket: values.socket,
      // Only embedded drivers without a path of their own need it, and they say so.
      dataDir:
        values["data-dir"] === "" && homeDirectory(platform.env) === ""
          ? undefined
          : dataDirectory(values["data-dir"], platform.env, process.cwd()),
    }).catch((error: unknown) => {
      throw new CommandError(error instanceof Error ? error.message : String(error), { cause: error });
    });
    log.info(`${type} is served on ${values.socket}: ${server.services.join(", ")}`);
    await stopped.promise;
    for (const stop of stops) stop();
    await server.close();
    return 0;
  },
};
