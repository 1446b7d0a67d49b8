import type { Command } from "./command.ts";

/** A command's name and what the overview says of it; the rest is loaded when it is used. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}

/** All commands, in the order of the overview. */
export const commandTable: readonly CommandEntry[] = [
  {
    name: "run",
    summary: "Run apps with a runtime beside them",
    load: async () => (await import("./commands/run.ts")).runCommand,
  },
  {
    name: "list",
    summary: "List running apps",
    load: async () => (await import("./commands/list.ts")).listCommand,
  },
  {
    name: "stop",
    summary: "Stop running apps",
    load: async () => (await import("./commands/stop.ts")).stopCommand,
  },
  {
    name: "logs",
    summary: "Show the log of an app and its runtime",
    load: async () => (await import("./commands/logs.ts")).logsCommand,
  },
  {
    name: "invoke",
    summary: "Call a method of a running app",
    load: async () => (await import("./commands/invoke.ts")).invokeCommand,
  },
  {
    name: "publish",
    summary: "Publish an event through a running app",
    load: async () => (await import("./commands/publish.ts")).publishCommand,
  },
  {
    name: "topics",
    summary: "Look into the topics of the embedded broker, replay and redeliver",
    load: async () => (await import("./commands/topics.ts")).topicsCommand,
  },
  {
    name: "check",
    summary: "Check resource files without starting anything",
    load: async () => (await import("./commands/check.ts")).checkCommand,
  },
  {
    name: "component",
    summary: "Serve a built-in driver to other runtimes as a pluggable component",
    load: async () => (await import("./commands/component.ts")).componentCommand,
  },
  {
    name: "daprd",
    summary: "Run one sidecar with upstream's flags and defaults",
    load: async () => (await import("./commands/daprd-command.ts")).daprdCommand,
  },
  {
    name: "completion",
    summary: "Print a completion script for a shell",
    load: async () => (await import("./commands/completion.ts")).completionCommand,
  },
  {
    name: "version",
    summary: "Print the versions",
    load: async () => (await import("./commands/version.ts")).versionCommand,
  },
];
