import type { Clock } from "../kit/clock.ts";
import type { Files, ProcessControl } from "../platform/types.ts";
import type { MetricsRegistry } from "./metrics.ts";

/** Keeps the series of the process up to date; `refresh` is called before they are shown. */
export interface ProcessMetrics {
  refresh(): Promise<void>;
}

export interface ProcessMetricsOptions {
  readonly process: ProcessControl;
  readonly clock: Clock;
  /** Absent: only the series that need no file are there. */
  readonly files?: Files;
}

/** Clock ticks per second in /proc, the same on every Linux that matters here. */
const ticksPerSecond = 100;
const pageBytes = 4096;

/** `process_…` without prefix: memory and start time everywhere; CPU time, virtual memory and open files where /proc has them. */
export function createProcessMetrics(registry: MetricsRegistry, options: ProcessMetricsOptions): ProcessMetrics {
  const { process: control, files } = options;
  const plain = registry.plain();
  const resident = plain.gauge("process_resident_memory_bytes", "Resident memory size in bytes.");
  const started = plain.gauge("process_start_time_seconds", "Start time of the process in seconds since the epoch.");
  started.set({}, options.clock.now() / 1000);
  registry.onCollect(() => resident.set({}, control.memory()));
  if (files === undefined || control.platform !== "linux") return { refresh: () => Promise.resolve() };

  const cpu = plain.counter("process_cpu_seconds_total", "CPU time of user and system in seconds.");
  const virtual = plain.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.");
  const openFiles = plain.gauge("process_open_fds", "Open file descriptors.");
  let counted = 0;
  return {
    async refresh() {
      try {
        const [stat, memory, descriptors] = await Promise.all([
          files.readText("/proc/self/stat"),
          files.readText("/proc/self/statm"),
          files.list("/proc/self/fd"),
        ]);
        const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        const seconds = (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
        cpu.add({}, seconds - counted);
        counted = seconds;
        virtual.set({}, Number(memory.split(" ")[0]) * pageBytes);
        openFiles.set({}, descriptors.length);
      } catch {
        // A host without a readable /proc shows what it showed before.
      }
    },
  };
}
