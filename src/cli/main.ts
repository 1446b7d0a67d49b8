import type { Program } from "./program.ts";

/** Runs the command that the arguments name and answers the exit code. Started under the name `daprd` it takes upstream's flags. */
export async function main(program: Program, args: readonly string[], startedAs: string): Promise<number> {
  const name = startedAs.split(/[\\/]/).at(-1) ?? "";
  if (/^daprd(?:\.exe)?$/.test(name)) return (await import("./commands/daprd.ts")).daprd(program, args);
  const [command, ...rest] = args;
  if (command === "daprd") return (await import("./commands/daprd.ts")).daprd(program, rest);
  program.platform.process?.stderr(`unknown command "${command ?? ""}"\n`);
  return 2;
}
