import { checkResources } from "../../config/check/check-resources.ts";
import { ConfigError } from "../../config/config-error.ts";
import { readEnvironment } from "../../config/env.ts";
import { formatFinding } from "../../config/finding.ts";
import { flag, parseFlags } from "../../config/flags.ts";
import type { Command } from "../command.ts";
import { needHost } from "../host.ts";

const flags = { strict: flag.bool(false, "Warnings fail the check too") };
const marks = { error: "error", warning: "warning", note: "note" } as const;

export const checkCommand: Command = {
  name: "check",
  usage: "PATH …",
  summary: "Check resource files without starting anything",
  about: [
    "Reads folders and files of resources as a sidecar would, and says what is wrong with file, line and fix: YAML, fields, kinds, component types and versions, the metadata of each component, references to secret stores and components. Types of pluggable components are known while their sockets are there. Exit code 1 when there is an error.",
  ],
  examples: [
    ["A folder", "pillion check ./components"],
    ["In a pipeline, where warnings should fail too", "pillion check --strict ./components ./config.yaml"],
  ],
  flags,
  async run(program, args) {
    const { files, process } = needHost(program);
    const { rest, command = [], values } = parseFlags(flags, args, { suggest: true });
    const paths = [...rest, ...command];
    if (paths.length === 0)
      throw new ConfigError("usage", "name the folder or file to check: pillion check ./components");
    const { findings, resources } = await checkResources({
      files,
      paths,
      catalog: program.catalog,
      socketsFolder: readEnvironment(program.platform.env).componentsSocketsFolder,
    });
    for (const finding of findings) process.stdout(`${marks[finding.severity]}: ${formatFinding(finding)}\n`);
    const count = (severity: string): number => findings.filter((finding) => finding.severity === severity).length;
    const errors = count("error");
    const warnings = count("warning");
    process.stdout(`${resources} resources, ${errors} errors, ${warnings} warnings\n`);
    return errors > 0 || (values.strict && warnings > 0) ? 1 : 0;
  },
};
