import { join } from "node:path";
import type { Bench } from "./measure.ts";
import { writeResources } from "./resource-files.ts";
import { type Sidecar, type SidecarOptions, type Subject, startSidecar } from "./subject.ts";

/** Two sidecars, each in its process, that find each other over mDNS. */
export interface SidecarPair {
  /** Has no app. */
  readonly caller: Sidecar;
  readonly callee: Sidecar;
  /** The app id under which this pair's callee is called; no other pair of the machine has it. */
  readonly calleeId: string;
  /** The processes of caller and callee. */
  readonly pids: readonly [number, number];
  stop(): Promise<void>;
}

/**
 * App ids that only one pair of the machine has. A name that two subjects share is resolved to the callees of both, and each caller
 * would send half of its calls to the other's.
 */
export const pairIds = (subject: Subject): { readonly caller: string; readonly callee: string } => ({
  caller: `caller-${subject.name}-${process.pid}`,
  callee: `callee-${subject.name}-${process.pid}`,
});

/** Starts the sidecars of a caller and a callee; `app` is what the callee's sidecar calls, `both` is for either. */
export const startPair = (
  bench: Bench,
  subject: Subject,
  app: Pick<SidecarOptions, "appPort" | "appProtocol">,
  both: Pick<SidecarOptions, "maxBodySize"> = {},
): SidecarPair => {
  const folder = bench.folder(`pair-${subject.name}`);
  const resourcesPath = writeResources(join(folder, "resources"), []);
  const start = (appId: string, own: typeof app): Sidecar =>
    startSidecar(subject, { appId, folder: join(folder, appId), resourcesPath, ...own, ...both });
  const ids = pairIds(subject);
  const callee = start(ids.callee, app);
  const caller = start(ids.caller, {});
  return {
    caller,
    callee,
    calleeId: ids.callee,
    pids: [caller.pid, callee.pid],
    stop: async () => {
      await Promise.all([caller.stop(), callee.stop()]);
    },
  };
};
