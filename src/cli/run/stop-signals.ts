import type { Clock } from "../../kit/clock.ts";
import type { Files, ProcessControl } from "../../platform/types.ts";
import type { Host } from "../host.ts";
import type { StopSignal } from "./app-process.ts";

/** What signals to this process lead to. */
export interface StopHandlers {
  /** The first one: end in order. */
  stop(signal: StopSignal): void;
  /** A later one: end at once. */
  kill(): void;
}

/** Terminals and supervisors signal a group and its leader, which passes the signal on: what comes so close is one wish. */
const sameWishMs = 300;
const stopSignals = ["SIGINT", "SIGTERM"] as const;

/** True when whoever started us wants the end of the terminal to be passed over, as nohup does. Only Linux tells. */
async function ignoresHangup(control: ProcessControl, files: Files): Promise<boolean> {
  if (control.platform !== "linux") return true;
  const status = await files.readText("/proc/self/status").catch(() => "");
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  return (Number.parseInt(mask.slice(-1), 16) & 1) === 1;
}

/** Listens for Ctrl+C, a polite kill and the end of the terminal; the answer stops listening. */
export async function onStopSignals(
  { process: control, files }: Host,
  clock: Clock,
  handlers: StopHandlers,
): Promise<() => void> {
  let firstAt: number | undefined;
  const signals = (await ignoresHangup(control, files)) ? stopSignals : ([...stopSignals, "SIGHUP"] as const);
  const stops = signals.map((signal) =>
    control.onSignal(signal, () => {
      if (firstAt === undefined) {
        firstAt = clock.monotonic();
        handlers.stop(signal === "SIGINT" ? "SIGINT" : "SIGTERM");
      } else if (clock.monotonic() - firstAt > sameWishMs) handlers.kill();
    }),
  );
  return () => {
    for (const stop of stops) stop();
  };
}
