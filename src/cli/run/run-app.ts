import { createDiskSource } from "../../config/disk-source.ts";
import type { AppRun, RunPlan } from "../../config/run-plan.ts";
import { type Cleanup, createCleanup } from "../../kit/cleanup.ts";
import type { AppRecord } from "../../registry/app-record.ts";
import type { AppRegistry } from "../../registry/app-registry.ts";
import type { RuntimeNode } from "../../runtime/node.ts";
import type { SidecarAddresses } from "../../runtime/open-sidecar.ts";
import type { Sidecar } from "../../runtime/sidecar.ts";
import { createLog } from "../../telemetry/log.ts";
import { CommandError } from "../command-error.ts";
import type { Host } from "../host.ts";
import type { EmbeddedComponents, Program } from "../program.ts";
import type { Status } from "../status.ts";
import { createAppComponents } from "./app-components.ts";
import { type AppLogs, openAppLogs } from "./app-logs.ts";
import { type AppProcess, awaitEnd, type StopSignal, startAppProcess } from "./app-process.ts";

/** What apps of one run share. */
export interface RunPorts extends Host {
  readonly program: Program;
  readonly plan: RunPlan;
  readonly node: RuntimeNode;
  readonly registry: AppRegistry;
  readonly embedded: EmbeddedComponents;
  readonly status: Status;
}

/** An app with its sidecar, on their way up, running, or ending. */
export interface RunningApp {
  readonly app: AppRun;
  /** Where the sidecar listens; undefined when it could not start. */
  readonly listening: Promise<SidecarAddresses | undefined>;
  /** The exit code, when the app, then the sidecar, have ended. */
  readonly ended: Promise<number>;
  /** Ends the app, then the sidecar. */
  stop(signal: StopSignal): void;
  /** Kills the app's processes at once. */
  kill(): void;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const exitStatus = (code: number): string => (code > 128 ? `signal ${code - 128}` : `exit status ${code}`);

/** Host and port on which this machine reaches the HTTP API. */
function localAddress({ options }: AppRun, port: number): string {
  if (options.unixDomainSocket !== "") return "";
  const [host = ""] = options.listenAddresses;
  if (host === "" || host === "0.0.0.0") return `127.0.0.1:${port}`;
  const bare = host.replace(/^\[|\]$/g, "");
  return bare.includes(":") ? `[${bare === "::" ? "::1" : bare}]:${port}` : `${bare}:${port}`;
}

/** Starts one app with its sidecar. Never throws: what goes wrong is told to the user and gives an exit code. */
export function startApp(ports: RunPorts, app: AppRun): RunningApp {
  const { program, plan, process, status } = ports;
  const { clock } = program.platform;
  const { options } = app;
  const isTemplate = plan.template !== undefined;
  const listening = Promise.withResolvers<SidecarAddresses | undefined>();
  const stopAsked = Promise.withResolvers<StopSignal>();
  let child: AppProcess | undefined;
  let wasStopped = false;

  function startSidecar(logs: AppLogs): Sidecar {
    const { files, env } = { files: ports.files, env: program.platform.env };
    const log = createLog({
      write: logs.runtime,
      level: options.logLevel,
      json: options.logAsJson,
      appId: options.appId,
      instance: process.hostname,
      version: program.wireVersion,
      clock,
    });
    let replaced = "";
    const components = createAppComponents(ports.embedded, plan, {
      hasResources: app.hasResources,
      replaced(found) {
        const names = found.map((one) => `"${one.name}" (${one.type}, ${one.source.file}:${one.source.line})`);
        sidecar.describe("localComponents", found.map((one) => `${one.name} (${one.type})`).join(", "));
        // Asked again with every change of a file.
        if (names.join() === replaced) return;
        replaced = names.join();
        status.warning(
          `--local: ${names.join(", ")} of app "${options.appId}" on the embedded engine in "${plan.dataDir}", apart from what a server holds`,
        );
      },
    });
    const sidecar = ports.node.start({
      options,
      source: createDiskSource({ ...options, files, env }, clock),
      log,
      components: components.change,
      workingDirectory: app.directory,
      extended: {
        cliPID: String(process.pid),
        ...(app.command.length > 0 && { appCommand: app.command.join(" ") }),
        ...(isTemplate && {
          runTemplatePath: plan.template?.path ?? "",
          runTemplateName: plan.template?.name ?? "",
        }),
        ...(logs.appPath !== "" && { appLogPath: logs.appPath }),
        ...(logs.runtimePath !== "" && { daprdLogPath: logs.runtimePath }),
      },
    });
    return sidecar;
  }

  function recordOf(logs: AppLogs, addresses: SidecarAddresses, created: number): AppRecord {
    return {
      appId: options.appId,
      namespace: options.currentNamespace,
      pid: process.pid,
      pidStarted: "",
      httpPort: addresses.httpPort,
      grpcPort: addresses.grpcPort,
      internalPort: addresses.internalPort,
      metricsPort: addresses.metricsPort,
      httpAddress: localAddress(app, addresses.httpPort),
      appPort: options.app.port,
      internalAddress: addresses.internalAddress,
      appPid: child?.pid ?? 0,
      command: app.command.join(" "),
      maxBodySize: options.maxBodySize,
      readBufferSize: options.readBufferSize,
      created,
      runTemplatePath: plan.template?.path ?? "",
      runTemplateName: plan.template?.name ?? "",
      appLogPath: logs.appPath,
      runtimeLogPath: logs.runtimePath,
    };
  }

  /** Starts the command when its turn has come; undefined when the sidecar ended before. */
  async function startCommand(sidecar: Sidecar, logs: AppLogs, places: SidecarAddresses): Promise<void> {
    // An app with a port may be what the sidecar waits for; one without may need it from its first line on.
    if (options.app.port === 0) {
      const isUp = await Promise.race([
        sidecar.ready.then(() => true),
        sidecar.ended.then(() => false),
        stopAsked.promise.then(() => false),
      ]);
      if (!isUp) return;
    }
    if (wasStopped) return;
    child = await startAppProcess({ process, env: program.platform.env, clock }, app, {
      places,
      stdin: isTemplate ? "ignore" : "inherit",
      print: logs.app,
    });
    sidecar.describe("appPID", String(child.pid));
  }

  async function endApp(signal: StopSignal): Promise<void> {
    if (child === undefined) return;
    child.signal(signal);
    const { wasKilled } = await awaitEnd(child, clock, plan.graceMs);
    if (wasKilled) status.warning(`app "${options.appId}" did not end within ${plan.graceMs / 1000} s and was killed`);
  }

  /** Waits for whatever ends the run, ends the rest in order: the app first, then its sidecar. */
  async function runToEnd(sidecar: Sidecar): Promise<number> {
    const first = await Promise.race([
      sidecar.ended.then((code) => ({ what: "runtime", code, signal: "SIGTERM" }) as const),
      stopAsked.promise.then((signal) => ({ what: "stop", code: 0, signal }) as const),
      ...(child === undefined ? [] : [child.ended.then((code) => ({ what: "app", code, signal: "SIGTERM" }) as const)]),
    ]);
    if (first.what !== "app") await endApp(first.signal);
    if (isTemplate && child !== undefined && first.what === "app") {
      status.info(`app "${options.appId}" has ended with ${exitStatus(first.code)}`);
    }
    if (child !== undefined) {
      if (first.what === "app" && first.code !== 0) {
        status.failure(`The App process exited with error code: ${exitStatus(first.code)}`);
      } else status.success("Exited App successfully");
    }
    const runtimeCode = await sidecar.stop();
    if (runtimeCode === 0) status.success("Exited Dapr successfully");
    else status.failure(`The daprd process exited with error code: exit status ${runtimeCode}`);
    return first.code === 0 ? runtimeCode : first.code;
  }

  async function run(cleanup: Cleanup): Promise<number> {
    const started = clock.now();
    if (isTemplate) status.info(`Validating config and starting app "${options.appId}"`);
    const prefix = isTemplate ? `== APP - ${options.appId} == ` : "== APP == ";
    const logs = await openAppLogs(ports, clock, { app, prefix, keepsAll: isTemplate });
    cleanup.defer(() => logs.flush());
    const sidecar = startSidecar(logs);
    let addresses: SidecarAddresses;
    try {
      addresses = await Promise.race([
        sidecar.listening,
        stopAsked.promise.then(() => Promise.reject(new CommandError("stopped"))),
      ]);
    } catch (error) {
      if (wasStopped) return await sidecar.stop();
      status.failure(`Error starting Dapr with app id "${options.appId}": ${messageOf(error)}`);
      return (await sidecar.ended) || 1;
    }
    const announce = async (): Promise<() => Promise<void>> => {
      try {
        return await ports.registry.announce(recordOf(logs, addresses, started));
      } catch (error) {
        status.warning(`app "${options.appId}" is not listed, other processes cannot find it: ${messageOf(error)}`);
        return async () => undefined;
      }
    };
    const forget = await announce();
    cleanup.defer(forget);
    const at = `HTTP Port: ${addresses.httpPort}. gRPC Port: ${addresses.grpcPort}`;
    status.info(
      isTemplate
        ? `Started Dapr with app id "${options.appId}". ${at}`
        : `Starting Dapr with id ${options.appId}. ${at}`,
    );
    listening.resolve(addresses);
    try {
      if (app.command.length > 0) await startCommand(sidecar, logs, addresses);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      status.failure(`Error starting app "${options.appId}": ${error.message}`);
      await sidecar.stop();
      return 1;
    }
    if (child !== undefined) await announce();
    if (isTemplate) {
      if (app.logFolder !== "" && (logs.appPath !== "" || logs.runtimePath !== "")) {
        status.info(`Writing log files to directory : ${app.logFolder}`);
      }
    } else if (child !== undefined) {
      status.info(`Updating metadata for app command: ${app.command.join(" ")}`);
      status.success("You're up and running! Both Dapr and your app logs will appear here.");
    } else if (app.command.length === 0) status.success("You're up and running! Dapr logs will appear here.");
    return runToEnd(sidecar);
  }

  const cleanup = createCleanup();
  const ended = run(cleanup)
    .finally(() => cleanup.run())
    .catch((error: unknown) => {
      status.failure(`Error running app "${options.appId}": ${messageOf(error)}`);
      return 1;
    })
    .finally(() => listening.resolve(undefined));
  return {
    app,
    listening: listening.promise,
    ended,
    stop(signal) {
      wasStopped = true;
      stopAsked.resolve(signal);
    },
    kill: () => child?.signal("SIGKILL"),
  };
}
