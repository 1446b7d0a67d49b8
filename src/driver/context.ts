import type { Clock } from "../kit/clock.ts";
import type { Random } from "../kit/random.ts";
import type { Platform } from "../platform/types.ts";
import type { Storage, StorageOpen } from "../storage/storage.ts";

/** A line writer with upstream's levels. Fields become key=value pairs. */
export interface DriverLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** All that a driver gets from the runtime when it opens. */
export interface DriverContext {
  /** Name of the component (metadata.name). */
  readonly name: string;
  /** The version that the component names, for drivers that have several; empty or absent is the first. */
  readonly version?: string;
  readonly appId: string;
  /** Empty when NAMESPACE is not set. */
  readonly namespace: string;
  readonly log: DriverLog;
  /** Aborts when the init timeout is over or the sidecar stops while the driver opens. */
  readonly signal: AbortSignal;
  readonly platform: Platform;
  readonly clock: Clock;
  readonly random: Random;
  /** The embedded engine of a database file, shared by all that name the same file in this process. */
  storage(path: string, options?: StorageOpen): Promise<Storage>;
  /** Folder for durable data of this node; undefined where none was configured. */
  readonly dataDir?: string;
}
