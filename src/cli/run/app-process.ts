import type { AppRun } from "../../config/run-plan.ts";
import type { Platform, ProcessControl } from "../../platform/types.ts";
import { CommandError } from "../command-error.ts";
import { eachLine } from "./each-line.ts";

/** How an app is asked to end. */
export type StopSignal = "SIGINT" | "SIGTERM";

/** An app's process, with everything that it started. */
export interface AppProcess {
  readonly pid: number;
  /** Its exit code (128 + signal), when it and its output have ended. */
  readonly ended: Promise<number>;
  signal(signal: StopSignal | "SIGKILL"): void;
}

/** The ports that an app finds its sidecar on. */
export interface SidecarPlaces {
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly metricsPort: number;
}

/** How long output may go on when the app has ended, because something it left behind holds it open. */
const trailingMs = 500;

/** The variables that an app gets beside those of its parent. */
export function appEnvironment({ options, env }: AppRun, places: SidecarPlaces): Readonly<Record<string, string>> {
  const { app } = options;
  const port = (name: string, value: number): Record<string, string> => (value > 0 ? { [name]: String(value) } : {});
  return {
    APP_ID: options.appId,
    ...port("APP_PORT", app.port),
    APP_PROTOCOL: app.protocol,
    APP_CHANNEL_ADDRESS: app.channelAddress,
    ...port("DAPR_METRICS_PORT", places.metricsPort),
    ...env,
    ...port("DAPR_HTTP_PORT", places.httpPort),
    ...port("DAPR_GRPC_PORT", places.grpcPort),
  };
}

function inherited(env: Platform["env"]): Record<string, string> {
  // Lines of an interpreter that keeps its output back would come late and in heaps.
  const all: [string, string | undefined][] = [["PYTHONUNBUFFERED", "1"], ...Object.entries(env)];
  return Object.fromEntries(all.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** Starts the app; each line of its output goes to `print`. Rejects with CommandError when it cannot be started. */
export async function startAppProcess(
  { process, env, clock }: Pick<Platform, "env" | "clock"> & { readonly process: ProcessControl },
  app: AppRun,
  settings: { readonly places: SidecarPlaces; readonly stdin: "inherit" | "ignore"; print(line: string): void },
): Promise<AppProcess> {
  const child = process.spawn(app.command, {
    cwd: app.directory,
    env: { ...inherited(env), ...appEnvironment(app, settings.places) },
    stdin: settings.stdin,
    stdout: "pipe",
    stderr: "pipe",
    guarded: true,
  });
  if (child.pid <= 0) {
    const cause: unknown = await child.exited.catch((error: unknown) => error);
    throw new CommandError(cause instanceof Error ? cause.message : `starting "${app.command[0]}" failed`);
  }
  const output = [child.stdout, child.stderr].map(async (stream) => {
    if (stream !== null) await eachLine(stream, settings.print).catch(() => undefined);
  });
  const ended = child.exited.then(async (code) => {
    await Promise.race([Promise.all(output), clock.sleep(trailingMs)]);
    return code;
  });
  return { pid: child.pid, ended, signal: (signal) => child.kill(signal) };
}

/** Waits for an app that was asked to end, and kills it after the grace period. Answers whether it had to be killed. */
export async function awaitEnd(
  app: AppProcess,
  clock: Platform["clock"],
  graceMs: number,
): Promise<{ readonly code: number; readonly wasKilled: boolean }> {
  let wasKilled = false;
  const cancel = clock.after(graceMs, () => {
    wasKilled = true;
    app.signal("SIGKILL");
  });
  const code = await app.ended;
  cancel();
  return { code, wasKilled };
}
