import type { FlagTable } from "../config/flags.ts";
import type { Program } from "./program.ts";

/** One command of the program, with what its help and the shells' completion show. */
export interface Command {
  readonly name: string;
  /** What stands behind the name: arguments, in capitals. */
  readonly usage: string;
  /** One line, without a full stop. */
  readonly summary: string;
  /** Paragraphs that teach it. */
  readonly about: readonly string[];
  /** What it is for, and the command line. */
  readonly examples: readonly (readonly [string, string])[];
  /** Words that its first argument can be, for the shells' completion. */
  readonly actions?: readonly string[];
  readonly flags: FlagTable;
  /** Answers the exit code. Throws ConfigError for what the user gave wrong, CommandError for what failed. */
  run(program: Program, args: readonly string[]): Promise<number>;
}
