import { ConfigError } from "../../config/config-error.ts";
import { createDiskSource } from "../../config/disk-source.ts";
import type { Options } from "../../config/options.ts";
import { daprdHelp, readDaprdCommand } from "../../config/read-options.ts";
import { createLog } from "../../telemetry/log.ts";
import { openLogFile } from "../../telemetry/log-file.ts";
import type { Log } from "../../telemetry/ports.ts";
import type { Program } from "../program.ts";

/** Runs one sidecar with upstream's flags, environment, defaults and exit codes, until a signal or the shutdown API ends it. */
export async function daprd(program: Program, args: readonly string[]): Promise<number> {
  const { platform, catalog, wireVersion } = program;
  const { process, files, clock } = platform;
  if (process === undefined) throw new Error(`the ${platform.name} runtime cannot run a sidecar process`);
  let log = startLog(program, { level: "info", json: false, appId: "" }, process.stdout);
  try {
    const command = readDaprdCommand(args, platform.env);
    for (const notice of command.notices) process.stderr(`${notice}\n`);
    switch (command.action) {
      case "help":
        process.stdout(daprdHelp("daprd"));
        return 0;
      case "version":
        process.stdout(`${wireVersion}\n`);
        return 0;
      case "buildInfo":
        process.stdout(
          `Version: ${wireVersion}\nGit Commit: pillion-${program.version}\nGit Version: v${wireVersion}\n`,
        );
        return 0;
      case "wait":
        return await waitUntilReady(program, command.httpPort);
      case "run":
        break;
    }
    const { options } = command;
    const sink = options.logFile === "" ? undefined : await openLogFile(needFiles(files), options.logFile);
    log = startLog(
      program,
      { level: options.logLevel, json: options.logAsJson, appId: options.appId },
      sink?.write ?? process.stdout,
    );
    log.info(`Starting Dapr Runtime -- version ${wireVersion} -- commit pillion-${program.version}`);
    log.info(`Log level set to: ${options.logLevel}`);
    warnOfOpenListeners(options, log);
    const createNode = await program.createNode();
    const node = createNode({ platform, catalog, version: wireVersion });
    const source = createDiskSource({ files, env: platform.env, ...options }, clock);
    const sidecar = node.start({ options, source, log });
    const stops = (["SIGINT", "SIGTERM"] as const).map((signal) => {
      let isSecond = false;
      return process.onSignal(signal, () => {
        if (isSecond) process.exit(1);
        isSecond = true;
        log.info(`Received signal '${signal === "SIGINT" ? "interrupt" : "terminated"}'; beginning shutdown`);
        void sidecar.stop();
      });
    });
    // compat: not on Windows, where this signal says that the console closes.
    if (process.platform !== "windows") {
      stops.push(
        process.onSignal("SIGHUP", () => {
          log.info("Received signal 'hangup'; restarting the runtime");
          void sidecar.restart();
        }),
      );
    }
    const code = await sidecar.ended;
    for (const stop of stops) stop();
    await sink?.flush();
    return code;
  } catch (error) {
    if (!ConfigError.is(error)) throw error;
    if (error.stage === "usage") process.stderr(`${error.sentence}\n`);
    else log.fatal(error.sentence);
    return error.exitCode;
  }
}

function needFiles<T>(files: T | undefined): T {
  if (files === undefined) throw new ConfigError("options", "--log-file needs a host with files");
  return files;
}

function startLog(
  { platform, wireVersion }: Program,
  { level, json, appId }: { level: Options["logLevel"]; json: boolean; appId: string },
  write: (line: string) => void,
): Log {
  const instance = platform.process?.hostname ?? "";
  return createLog({ write, level, json, appId, instance, version: wireVersion, clock: platform.clock });
}

/** One line for each listener that others on the network can reach without showing anything. */
function warnOfOpenListeners(options: Options, log: Log): void {
  const isOpen = (address: string): boolean => !/^(?:127\.|localhost$|\[?::1\]?$)/.test(address);
  const apiOpen = options.listenAddresses.length === 0 || options.listenAddresses.some(isOpen);
  if (apiOpen && options.apiToken === "" && options.unixDomainSocket === "") {
    log.warn(
      "The HTTP and gRPC APIs listen beyond loopback without a token: set DAPR_API_TOKEN or --dapr-listen-addresses 127.0.0.1",
    );
  }
  if (isOpen(options.internalListenAddress)) {
    log.warn(
      "The internal gRPC port listens beyond loopback without mTLS: set --dapr-internal-grpc-listen-address 127.0.0.1",
    );
  }
}

/** Asks the sidecar on this machine until it is up, for at most a minute. */
async function waitUntilReady({ platform }: Program, port: number): Promise<number> {
  const { clock, process } = platform;
  for (const end = clock.monotonic() + 60_000; clock.monotonic() < end; await clock.sleep(100)) {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/v1.0/healthz/outbound`);
      if (answer.status === 204) return 0;
    } catch {
      // Nothing listens yet.
    }
  }
  process?.stderr("timeout waiting for the sidecar's outbound health\n");
  return 1;
}
