import { ConfigError } from "../config/config-error.ts";
import { suggest } from "../kit/suggest.ts";
import type { Command } from "./command.ts";
import { CommandError } from "./command-error.ts";
import { commandTable } from "./command-table.ts";
import type { Program } from "./program.ts";

const helpWords = new Set(["--help", "-h"]);

/** Runs the command that the arguments name and answers the exit code. Started under the name `daprd` it takes upstream's flags. */
export async function main(program: Program, args: readonly string[], startedAs: string): Promise<number> {
  const executable = startedAs.split(/[\\/]/).at(-1) ?? "";
  if (/^daprd(?:\.exe)?$/.test(executable)) return (await import("./commands/daprd.ts")).daprd(program, args);
  const [first = "--help", ...rest] = args;
  if (first === "--version" || first === "-v") return runNamed(program, "version", rest);
  if (helpWords.has(first) || (first === "help" && rest[0] === undefined)) return showOverview(program);
  if (first === "help") return runNamed(program, rest[0] ?? "", ["--help"]);
  return runNamed(program, first, rest);
}

async function showOverview(program: Program): Promise<number> {
  const { overview } = await import("./help.ts");
  program.platform.process?.stdout(overview(commandTable));
  return 0;
}

async function runNamed(program: Program, name: string, args: readonly string[]): Promise<number> {
  const { process } = program.platform;
  const entry = commandTable.find((row) => row.name === name);
  if (entry === undefined) {
    const near = suggest(
      name,
      commandTable.map((row) => row.name),
    );
    const meant = near === undefined ? "" : `, did you mean "${near}"?`;
    const what = name.startsWith("-") ? `unknown flag: ${name}` : `unknown command "${name}"`;
    process?.stderr(`${what}${meant}\nRun "pillion --help" for a list of commands\n`);
    return 2;
  }
  const command = await entry.load();
  const end = args.indexOf("--");
  if (args.slice(0, end < 0 ? args.length : end).some((arg) => helpWords.has(arg))) {
    const { commandHelp } = await import("./help.ts");
    process?.stdout(commandHelp(command));
    return 0;
  }
  return runCommand(program, command, args);
}

async function runCommand(program: Program, command: Command, args: readonly string[]): Promise<number> {
  const { process } = program.platform;
  try {
    return await command.run(program, args);
  } catch (error) {
    if (ConfigError.is(error)) {
      const hint = error.exitCode === 2 ? `\nRun "pillion ${command.name} --help" for usage` : "";
      process?.stderr(`❌  ${error.message}${hint}\n`);
      return error.exitCode;
    }
    if (!(error instanceof CommandError)) throw error;
    process?.stderr(`❌  ${error.message}\n`);
    return 1;
  }
}
