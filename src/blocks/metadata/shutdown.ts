import type { ShutdownPorts } from "./ports.ts";

/** Ends the sidecar on behalf of a caller, who gets an answer first. */
export type Shutdown = (isForced: boolean) => void;

/** Header and metadata key that asks for an end without grace. */
export const forceShutdownKey = "dapr-force-shutdown";

/** How long the answer has to reach its caller before a forced end, in milliseconds. */
const forcedExitMs = 100;

/** The shutdown API of one sidecar. */
export function createShutdown(ports: ShutdownPorts): Shutdown {
  return (isForced) => {
    if (isForced) {
      ports.log.warn("Force shutdown requested, exiting immediately without graceful shutdown");
      ports.after(forcedExitMs, () => ports.exit(1));
      return;
    }
    ports.log.info("Shutdown requested via API");
    ports.after(0, () => ports.stop());
  };
}
