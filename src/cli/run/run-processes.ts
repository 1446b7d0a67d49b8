import type { AppRun, RunPlan } from "../../config/run-plan.ts";
import type { Child } from "../../platform/types.ts";
import { createAppRegistry } from "../../registry/app-registry.ts";
import { CommandError } from "../command-error.ts";
import { needHost } from "../host.ts";
import type { Program } from "../program.ts";
import type { Status } from "../status.ts";
import { eachLine } from "./each-line.ts";
import { withoutPortConflicts } from "./port-conflicts.ts";
import { onStopSignals } from "./stop-signals.ts";
import { type AppUrls, urlTable } from "./url-table.ts";

const pollMs = 25;

interface AppChild {
  readonly app: AppRun;
  readonly child: Child;
  readonly ended: Promise<number>;
}

function argumentsOf(plan: RunPlan, appId: string): string[] {
  const args = ["run", "--run-file", plan.template?.path ?? "", "--only-app", appId, "--data-dir", plan.dataDir];
  if (plan.local) args.push("--local");
  if (plan.logAsJson) args.push("--log-as-json");
  args.push("--dapr-graceful-shutdown-seconds", String(plan.graceMs / 1000));
  return args;
}

/** Waits until each process has its app in the registry, or has ended. */
async function placesOf(program: Program, plan: RunPlan, children: readonly AppChild[]): Promise<readonly AppUrls[]> {
  const { process, files } = needHost(program);
  const { clock } = program.platform;
  const registry = createAppRegistry({ process, files, dataDir: plan.dataDir });
  const over = new Set<Child>();
  for (const { child, ended } of children) void ended.then(() => over.add(child));
  for (;;) {
    const records = await registry.list();
    const rows = children.map(({ app, child }) => ({
      app,
      isOver: over.has(child),
      places: records.find((record) => record.pid === child.pid),
    }));
    if (rows.every((row) => row.isOver || row.places !== undefined)) return rows;
    await clock.sleep(pollMs);
  }
}

/** Runs each app of a template from a process of its own, and watches over them. Answers the highest of their exit codes. */
export async function runProcesses(program: Program, plan: RunPlan, status: Status): Promise<number> {
  const host = needHost(program);
  const { process } = host;
  if (plan.template?.path === "-") {
    throw new CommandError("--process-per-app reads the template once for each app: give it as a file, not as stdin");
  }
  const startable = withoutPortConflicts(plan.apps, status);
  const startOne = (app: AppRun): AppChild => {
    const command = [...program.self, ...argumentsOf(plan, app.options.appId)];
    const child = process.spawn(command, { guarded: true, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const pass = async (stream: Child["stdout"], write: (text: string) => void): Promise<void> => {
      if (stream !== null) await eachLine(stream, (line) => write(`${line}\n`)).catch(() => undefined);
    };
    const output = Promise.all([pass(child.stdout, process.stdout), pass(child.stderr, process.stderr)]);
    const ended = child.exited.then(
      async (code) => {
        await output;
        return code;
      },
      (error: unknown) => {
        status.failure(error instanceof Error ? error.message : String(error));
        return 1;
      },
    );
    return { app, child, ended };
  };
  const children: AppChild[] = [];
  const release = await onStopSignals(host, program.platform.clock, {
    stop(signal) {
      status.info("terminated signal received: shutting down");
      for (const { child } of children) process.signal(child.pid, signal);
    },
    kill() {
      for (const { child } of children) child.kill("SIGKILL");
      process.exit(1);
    },
  });
  children.push(...startable.map(startOne));
  process.stdout(`\n${urlTable(await placesOf(program, plan, children))}\n`);
  const codes = await Promise.all(children.map(({ ended }) => ended));
  release();
  return Math.max(startable.length < plan.apps.length ? 1 : 0, ...codes);
}
