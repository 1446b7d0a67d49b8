import type { ProcessControl } from "../../platform/types.ts";
import type { StopSignal } from "./app-process.ts";

/** What signals to this process lead to. */
export interface StopHandlers {
  /** The first one: end in order. */
  stop(signal: StopSignal): void;
  /** The second one: end at once. */
  kill(): void;
}

/** Listens for Ctrl+C, a polite kill and the end of the terminal; the answer stops listening. */
export function onStopSignals(process: ProcessControl, handlers: StopHandlers): () => void {
  let isSecond = false;
  const stops = (["SIGINT", "SIGTERM", "SIGHUP"] as const).map((signal) =>
    process.onSignal(signal, () => {
      if (isSecond) handlers.kill();
      else handlers.stop(signal === "SIGINT" ? "SIGINT" : "SIGTERM");
      isSecond = true;
    }),
  );
  return () => {
    for (const stop of stops) stop();
  };
}
