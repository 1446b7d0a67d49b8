import { suggest } from "../kit/suggest.ts";
import type { AppRecord } from "../registry/app-record.ts";
import { CommandError } from "./command-error.ts";
import { openRegistry } from "./host.ts";
import type { Program } from "./program.ts";

/** The running app of an id. Throws CommandError with what is running instead. */
export async function findApp(program: Program, dataDirFlag: string, appId: string): Promise<AppRecord> {
  const records = await openRegistry(program, dataDirFlag).list();
  const found = records.find((record) => record.appId === appId);
  if (found !== undefined) return found;
  const ids = [...new Set(records.map((record) => record.appId))];
  const near = suggest(appId, ids);
  const hint =
    near !== undefined
      ? `did you mean "${near}"?`
      : ids.length > 0
        ? `running: ${ids.join(", ")}`
        : "no app is running";
  throw new CommandError(`app ID ${appId} not found; ${hint}`);
}
