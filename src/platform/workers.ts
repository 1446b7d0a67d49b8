import { createSystemClock } from "./_web/clock.ts";
import { createSystemRandom } from "./_web/random.ts";
import type { Platform } from "./types.ts";

export interface WorkersOptions {
  /** The bindings that are plain text. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The request's own, which keeps the isolate alive. */
  readonly waitUntil?: (work: Promise<unknown>) => void;
}

/** An isolate that only answers `fetch`: time and randomness, no listeners, files, threads or local SQLite. */
export function createWorkersPlatform(options: WorkersOptions): Platform {
  return {
    name: "workers",
    env: options.env,
    clock: createSystemClock(() => {}),
    random: createSystemRandom(),
    waitUntil: options.waitUntil,
  };
}
