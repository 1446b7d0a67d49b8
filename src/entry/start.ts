import { catalog } from "../../components/catalog.gen.ts";
import { main } from "../cli/main.ts";
import type { Platform, ProcessControl } from "../platform/types.ts";
import { version, wireVersion } from "./version.ts";

/** The command that starts this program again. A compiled executable has its script inside; other runtimes had flags before theirs. */
function selfCommand(
  runtime: Platform["name"],
  { execPath, argv }: ProcessControl,
  runtimeFlags: readonly string[],
): readonly string[] {
  const script = argv[1] ?? "";
  if (runtime === "bun" && /^(?:\/\$bunfs|[A-Z]:[\\/]~BUN)/.test(script)) return [execPath];
  return runtime === "deno" ? [execPath, "run", "-A", script] : [execPath, ...runtimeFlags, script];
}

/**
 * Runs the command line on a platform and ends the process with its exit code. `startedAs` is the name of the executable,
 * `runtimeFlags` what stood before the script on the runtime's own command line.
 */
export async function start(
  platform: Platform,
  args: readonly string[],
  startedAs: string,
  runtimeFlags: readonly string[] = [],
): Promise<void> {
  const { process } = platform;
  if (process === undefined) throw new Error(`the ${platform.name} runtime has no processes`);
  const release = process.hold();
  const program = {
    platform,
    catalog,
    version,
    wireVersion,
    self: selfCommand(platform.name, process, runtimeFlags),
    createNode: async () => (await import("../runtime/node.ts")).createNode,
    embeddedComponents: async () => ({
      ...(await import("../runtime/default-components.ts")),
      ...(await import("../runtime/local-components.ts")),
    }),
    openBroker: async () => (await import("../runtime/open-broker.ts")).openBroker,
    askSocket: async () => (await import("../runtime/ask-socket.ts")).askSocket,
    serveComponent: async () => (await import("../runtime/component-server.ts")).serveComponent,
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
