import type { Thread } from "../types.ts";
import { startWebThread } from "./thread-web.ts";

/**
 * The writer's module as Bun's `Worker` finds it. From source it is a URL beside this file. Compiled, only a path relative to the
 * root of the embedded files is found (whatever the working directory): the build passes `--root src`, and `src/storage/writer-thread.ts` as an
 * entry point of its own, which makes that path `./storage/writer-thread.js`. Works with and without splitting and bytecode.
 */
function writerSource(): string | URL {
  const compiled = import.meta.url.includes("$bunfs") || import.meta.url.includes("~BUN");
  return compiled ? "./storage/writer-thread.js" : new URL("../../storage/writer-thread.ts", import.meta.url);
}

/** Starts the storage writer in a thread, from source and inside a compiled executable. */
export function startBunStorageThread(): Thread {
  return startWebThread(writerSource());
}
