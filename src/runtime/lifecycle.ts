import type { Clock } from "../kit/clock.ts";
import { formatDuration } from "../kit/duration.ts";
import type { Log } from "../telemetry/ports.ts";

export interface LifecyclePorts {
  readonly clock: Clock;
  readonly log: Log;
  /** How long closing may take. */
  readonly graceMs: number;
  /** null: stop at once when asked. */
  readonly blockMs: number | null;
  /** Stops the flow of events into the app for good, while the APIs stay. */
  holdEvents(): Promise<void>;
  /** Resolves when the app turns unhealthy. */
  appUnhealthy(): Promise<void>;
  /** Closes everything in the reverse order of its start. */
  close(): Promise<void>;
}

/** The end of a sidecar: asked once or often, it happens once. */
export interface Lifecycle {
  /** What `stop` and `fail` lead to: the exit code. */
  readonly ended: Promise<number>;
  /** A stop signal: waits out the blocking period, then closes. */
  stop(): Promise<number>;
  /** The shutdown API, or a failure with its exit code: no blocking period. */
  shutdown(code?: number): Promise<number>;
  /** Ends at once with a code; what is open closes behind it, without a word. */
  kill(code: number): void;
}

/** Drives one sidecar to its end. A close that takes longer than the grace period ends with code 1. */
export function createLifecycle(ports: LifecyclePorts): Lifecycle {
  const { clock, log } = ports;
  const ended = Promise.withResolvers<number>();
  let closing: Promise<number> | undefined;
  let blocking: Promise<number> | undefined;

  async function close(code: number): Promise<number> {
    const late = Promise.withResolvers<number>();
    const cancel = clock.after(ports.graceMs, () => {
      log.error(
        `Graceful shutdown timeout exceeded, forcing shutdown: not all was closed within ${formatDuration(ports.graceMs)}`,
      );
      late.resolve(1);
    });
    const closed = ports.close().then(
      () => code,
      (error: unknown) => {
        log.error(`error while shutting down: ${error instanceof Error ? error.message : String(error)}`);
        return 1;
      },
    );
    const result = await Promise.race([closed, late.promise]);
    cancel();
    if (result === 0) log.info("Daprd shutdown gracefully");
    ended.resolve(result);
    return result;
  }

  function shutdown(code = 0): Promise<number> {
    closing ??= close(code);
    return closing;
  }

  async function block(ms: number): Promise<number> {
    log.info(`Blocking graceful shutdown for ${formatDuration(ms)} or until app reports unhealthy...`);
    await ports.holdEvents();
    const over = Promise.withResolvers<string>();
    const cancel = clock.after(ms, () => over.resolve("Block shutdown period expired, entering shutdown..."));
    const unhealthy = ports.appUnhealthy().then(() => "App reported unhealthy, entering shutdown...");
    const other = ended.promise.then(() => "");
    const line = await Promise.race([over.promise, unhealthy, other]);
    cancel();
    if (line !== "") log.info(line);
    return shutdown();
  }

  return {
    ended: ended.promise,
    stop() {
      if (ports.blockMs === null) return shutdown();
      blocking ??= block(ports.blockMs);
      return blocking;
    },
    shutdown,
    kill(code) {
      ended.resolve(code);
      closing ??= ports.close().then(
        () => code,
        () => code,
      );
    },
  };
}
