import { catalog } from "../../components/catalog.gen.ts";
import { main } from "../cli/main.ts";
import type { Platform } from "../platform/types.ts";
import { version, wireVersion } from "./version.ts";

/** Runs the command line on a platform and ends the process with its exit code. `startedAs` is the name of the executable. */
export async function start(platform: Platform, args: readonly string[], startedAs: string): Promise<void> {
  const { process } = platform;
  if (process === undefined) throw new Error(`the ${platform.name} runtime has no processes`);
  const release = process.hold();
  const program = {
    platform,
    catalog,
    version,
    wireVersion,
    createNode: async () => (await import("../runtime/node.ts")).createNode,
  };
  let code: number;
  try {
    code = await main(program, args, startedAs);
  } catch (error) {
    process.stderr(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    code = 1;
  }
  release();
  process.exit(code);
}
