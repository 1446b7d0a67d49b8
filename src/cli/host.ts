import { dataDirectory } from "../config/data-directory.ts";
import type { Files, ProcessControl } from "../platform/types.ts";
import { type AppRegistry, createAppRegistry } from "../registry/app-registry.ts";
import { CommandError } from "./command-error.ts";
import type { Program } from "./program.ts";

/** What commands need of the machine. */
export interface Host {
  readonly process: ProcessControl;
  readonly files: Files;
}

/** The processes and files of the host. Throws CommandError where there are none. */
export function needHost({ platform }: Program): Host {
  const { process, files, name } = platform;
  if (process === undefined || files === undefined) {
    throw new CommandError(`the ${name} runtime has no processes and files, run this command on another`);
  }
  return { process, files };
}

/** The running apps of the data folder that the flag names. */
export function openRegistry(program: Program, dataDirFlag: string): AppRegistry {
  const { process, files } = needHost(program);
  const dataDir = dataDirectory(dataDirFlag, program.platform.env, process.cwd());
  return createAppRegistry({ files, process, dataDir });
}
