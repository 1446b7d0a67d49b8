import type { RunPlan } from "../../config/run-plan.ts";
import { createAppRegistry } from "../../registry/app-registry.ts";
import { CommandError } from "../command-error.ts";
import { needHost } from "../host.ts";
import type { Program } from "../program.ts";
import type { Status } from "../status.ts";
import { absentServers } from "./absent-servers.ts";
import { withoutPortConflicts } from "./port-conflicts.ts";
import { type RunningApp, type RunPorts, startApp } from "./run-app.ts";
import { onStopSignals } from "./stop-signals.ts";
import { type AppUrls, urlTable } from "./url-table.ts";

async function showTable(running: readonly RunningApp[], show: (text: string) => void): Promise<void> {
  const rows = await Promise.all(
    running.map(async ({ app, listening }): Promise<AppUrls> => {
      const at = await listening;
      if (at === undefined) return { app, places: undefined };
      const [host = ""] = app.options.listenAddresses;
      const httpAddress =
        app.options.unixDomainSocket === "" ? `${host === "" ? "127.0.0.1" : host}:${at.httpPort}` : "";
      return { app, places: { httpAddress, grpcPort: at.grpcPort, metricsPort: at.metricsPort } };
    }),
  );
  show(`\n${urlTable(rows)}\n`);
}

/** Runs the apps of a plan in this process until they, or the user, end it. Answers the exit code: the highest of the apps'. */
export async function runApps(program: Program, plan: RunPlan, status: Status): Promise<number> {
  const host = needHost(program);
  const { process, files } = host;
  const { platform, catalog, wireVersion } = program;
  const { dataDir } = plan;
  await files.makeDirectory(dataDir, 0o700).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CommandError(`cannot make the data folder "${dataDir}": ${why}; give another with --data-dir`, { cause });
  });
  const embedded = await program.embeddedComponents();
  const absent = plan.local ? undefined : await absentServers(platform, embedded, plan.apps);
  if (absent !== undefined) throw new CommandError(absent);
  const createNode = await program.createNode();
  const node = createNode({ platform, catalog, version: wireVersion, dataDir });
  const registry = createAppRegistry({ process, files, dataDir });
  const ports: RunPorts = { ...host, program, plan, node, registry, embedded, status };
  const startable = withoutPortConflicts(plan.apps, status);
  const running: RunningApp[] = [];
  const release = await onStopSignals(host, program.platform.clock, {
    stop(signal) {
      status.info("terminated signal received: shutting down");
      for (const app of running) app.stop(signal);
    },
    kill() {
      for (const app of running) app.kill();
      process.exit(1);
    },
  });
  running.push(...startable.map((app) => startApp(ports, app)));
  if (plan.template !== undefined && !plan.isPart) await showTable(running, process.stdout);
  const codes = await Promise.all(running.map((app) => app.ended));
  release();
  return Math.max(startable.length < plan.apps.length ? 1 : 0, ...codes);
}
