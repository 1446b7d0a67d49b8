import type { Clock } from "../../kit/clock.ts";
import type { ProcessControl } from "../../platform/types.ts";
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

/** Listens for Ctrl+C, a polite kill and the end of the terminal; the answer stops listening. */
export function onStopSignals(control: ProcessControl, clock: Clock, handlers: StopHandlers): () => void {
  let firstAt: number | undefined;
  const stops = (["SIGINT", "SIGTERM", "SIGHUP"] as const).map((signal) =>
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
