import type { Clock } from "../../kit/clock.ts";
import type { Log } from "../../telemetry/ports.ts";

export interface AppHealthOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row that make a healthy app unhealthy. */
  readonly threshold: number;
  /** One probe: true, or why not. Rejects when it could not be made at all. */
  probe(signal: AbortSignal): Promise<true | string>;
}

/** Health of an app by probing. It counts as unhealthy until the first success. */
export interface AppHealth {
  readonly isHealthy: boolean;
  /** Calls back at every change; the answer stops that. */
  onChange(listen: (isHealthy: boolean) => void): () => void;
  /** Takes a result from elsewhere as that of a probe. */
  report(isHealthy: boolean): void;
  /** Probes now, then at each interval. */
  start(): void;
  stop(): void;
}

/** Throws when the timeout is longer than the interval. */
export function createAppHealth(options: AppHealthOptions): AppHealth {
  const { clock, log, intervalMs, timeoutMs, threshold } = options;
  if (intervalMs <= 0) throw new Error("probe interval must be larger than 0");
  if (timeoutMs > intervalMs) throw new Error("app health checks probe timeouts must be smaller than probe intervals");
  const listeners = new Set<(isHealthy: boolean) => void>();
  let failures = threshold;
  let running: AbortController | undefined;

  const tell = (isHealthy: boolean) => {
    for (const listen of [...listeners]) listen(isHealthy);
  };
  const take = (result: true | string) => {
    const wasHealthy = failures < threshold;
    if (result === true) {
      failures = 0;
      if (wasHealthy) return;
      log.info("App entered healthy status");
      tell(true);
    } else if (wasHealthy && ++failures >= threshold) {
      log.warn(`App entered un-healthy status: ${result}`);
      tell(false);
    }
  };
  const probeOnce = async (stopped: AbortSignal) => {
    const controller = new AbortController();
    const stop = () => controller.abort(stopped.reason);
    const late = clock.after(timeoutMs, () =>
      controller.abort(new DOMException("context deadline exceeded", "TimeoutError")),
    );
    stopped.addEventListener("abort", stop, { once: true });
    try {
      const result = await options.probe(controller.signal);
      if (!stopped.aborted) take(result);
    } catch (error) {
      if (stopped.aborted) return;
      const reason = error instanceof Error ? error.message : String(error);
      take(`Probe error: ${reason}`);
      log.error(`App health probe could not complete with error: ${reason}`);
    } finally {
      late();
      stopped.removeEventListener("abort", stop);
    }
  };
  const run = async (stopped: AbortSignal) => {
    while (!stopped.aborted) {
      const began = clock.monotonic();
      await probeOnce(stopped);
      const left = intervalMs - (clock.monotonic() - began);
      await pause(Math.max(0, left), stopped);
    }
  };
  /** A pause that does not keep the process alive and ends early without a fuss. */
  const pause = (ms: number, stopped: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (stopped.aborted) return resolve();
      const cancel = clock.after(ms, () => {
        stopped.removeEventListener("abort", done);
        resolve();
      });
      const done = () => {
        cancel();
        resolve();
      };
      stopped.addEventListener("abort", done, { once: true });
    });

  return {
    get isHealthy() {
      return failures < threshold;
    },
    onChange(listen) {
      listeners.add(listen);
      return () => listeners.delete(listen);
    },
    report: (isHealthy) => take(isHealthy || "reported by the app"),
    start() {
      if (running !== undefined) return;
      running = new AbortController();
      log.info("App health probes starting");
      void run(running.signal);
    },
    stop() {
      if (running === undefined) return;
      running.abort(new Error("stopped"));
      running = undefined;
      log.info("App health probes stopping");
    },
  };
}
