import { join } from "node:path";
import type { Bench } from "./measure.ts";
import { writeResources } from "./resource-files.ts";
import { type Sidecar, type SidecarOptions, type Subject, startSidecar } from "./subject.ts";

/** Two sidecars, each in its process, that find each other over mDNS. */
export interface SidecarPair {
  /** Has no app. */
  readonly caller: Sidecar;
  readonly callee: Sidecar;
  /** The processes of caller and callee. */
  readonly pids: readonly [number, number];
  stop(): Promise<void>;
}

/** Starts the sidecars of the apps `caller` and `callee`; `app` is what the callee's sidecar calls, `both` is for either. */
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
  const callee = start("callee", app);
  const caller = start("caller", {});
  return {
    caller,
    callee,
    pids: [caller.pid, callee.pid],
    stop: async () => {
      await Promise.all([caller.stop(), callee.stop()]);
    },
  };
};
