import { formatDuration } from "../kit/duration.ts";
import { deepFreeze } from "../kit/freeze.ts";
import { parseQuantity } from "../kit/quantity.ts";
import { ConfigError } from "./config-error.ts";
import { daprdFlags } from "./daprd-flags.ts";
import { type Environment, readEnvironment } from "./env.ts";
import { flagHelp } from "./flag-help.ts";
import { type FlagValues, type ParsedFlags, parseFlags } from "./flags.ts";
import type { AppHealthOptions, AppProtocol, Options, OptionsLogLevel } from "./options.ts";

const defaultBodySize = 4 << 20;
const defaultReadBuffer = 4 << 10;
const protocols: readonly AppProtocol[] = ["http", "https", "h2c", "grpc", "grpcs"];
const logLevels: readonly OptionsLogLevel[] = ["debug", "info", "warn", "error", "fatal"];

type Values = FlagValues<typeof daprdFlags>;
type Parsed = ParsedFlags<typeof daprdFlags>;

/** What a sidecar's command line asks for. `notices` are lines for stderr. */
export type DaprdCommand =
  | { readonly action: "run"; readonly options: Options; readonly notices: readonly string[] }
  | { readonly action: "help" | "version" | "buildInfo"; readonly notices: readonly string[] }
  | { readonly action: "wait"; readonly httpPort: number; readonly notices: readonly string[] };

const highestPort = 65_535;

function port(raw: string, sentence: string): number {
  if (/^[+-]?\d+$/.test(raw)) {
    if (Number(raw) <= highestPort) return Number(raw);
    throw new ConfigError("options", `${sentence}: ${raw} is above ${highestPort}, the highest port`);
  }
  throw new ConfigError("options", `${sentence}: strconv.Atoi: parsing ${JSON.stringify(raw)}: invalid syntax`);
}

function bytes(raw: string, name: string): number {
  try {
    return parseQuantity(raw);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError("flags", `invalid value for '${name}' option: ${why}`, { cause });
  }
}

/** compat: pkg/runtime/config.go turns -1 into the default, it is not "no limit". */
function sizeOr(size: number, fallback: number): number {
  return size === -1 ? fallback : size;
}

function bodySize({ values, changed }: Parsed): number {
  if (changed.has("max-body-size")) return bytes(values["max-body-size"], "max-body-size");
  const megabytes = values["dapr-http-max-request-size"];
  return megabytes > 0 ? megabytes * 1024 * 1024 : megabytes;
}

function readBuffer({ values, changed }: Parsed): number {
  if (changed.has("read-buffer-size")) return bytes(values["read-buffer-size"], "read-buffer-size");
  const kilobytes = values["dapr-http-read-buffer-size"];
  return kilobytes > 0 ? kilobytes * 1024 : kilobytes;
}

function appProtocol(raw: string, ssl: boolean): AppProtocol {
  const wanted = raw === "" ? "http" : raw.toLowerCase();
  const found = protocols.find((protocol) => protocol === wanted);
  if (found === undefined) throw new ConfigError("options", `invalid value for 'app-protocol': ${raw}`);
  if (ssl && found === "http") return "https";
  if (ssl && found === "grpc") return "grpcs";
  return found;
}

function appHealth(values: Values): AppHealthOptions {
  const intervalMs = values["app-health-probe-interval"] > 0 ? values["app-health-probe-interval"] * 1000 : 5000;
  const timeoutMs = values["app-health-probe-timeout"] > 0 ? values["app-health-probe-timeout"] : 500;
  if (timeoutMs > intervalMs) {
    throw new ConfigError("options", "value for 'health-probe-timeout' must be smaller than 'health-probe-interval'");
  }
  const threshold = values["app-health-threshold"];
  return {
    enabled: values["enable-app-health-check"],
    path: values["app-health-check-path"],
    intervalMs,
    timeoutMs,
    threshold: threshold < 1 || threshold > 0x7ffffffe ? 3 : threshold,
  };
}

function initEndpoints(raw: readonly string[]): readonly ("config" | "subscribe")[] {
  const found: ("config" | "subscribe")[] = [];
  for (const entry of raw) {
    const name = entry.trim().toLowerCase();
    if (name === "") continue;
    if (name !== "config" && name !== "subscribe") {
      throw new ConfigError("options", `invalid value for 'disable-init-endpoints': ${name}`);
    }
    found.push(name);
  }
  return found;
}

function addresses(raw: string | readonly string[]): readonly string[] {
  const list = typeof raw === "string" ? raw.split(",") : raw;
  return list.map((address) => address.trim()).filter((address) => address !== "");
}

function checkAppId(id: string, mode: string): void {
  if (mode !== "standalone") return;
  if (id === "") throw new ConfigError("options", "parameter app-id cannot be empty");
  if (id.includes(".")) throw new ConfigError("options", "parameter app-id cannot contain dots");
}

function modeOf(raw: string): Options["mode"] {
  if (raw === "standalone" || raw === "kubernetes") return raw;
  throw new ConfigError("options", `invalid mode: ${raw}`);
}

/** compat: the rules of a SPIFFE trust domain, in upstream's words (pkg/security/security.go). */
function trustDomain(name: string): string {
  if (name === "") throw new ConfigError("options", "control plane trust domain is required");
  if (/^[a-z0-9._-]+$/.test(name)) return name;
  const rule = "trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores";
  throw new ConfigError("options", `invalid control plane trust domain: ${rule}`);
}

function jobStreams(count: number): number {
  if (count > 0) return count;
  throw new ConfigError("options", `must define at least 1 scheduler stream, got ${count}`);
}

function logLevel(raw: string): OptionsLogLevel {
  const found = logLevels.find((level) => level === raw.toLowerCase());
  if (found === undefined) throw new ConfigError("flags", `invalid value for --log-level: ${raw}`);
  return found;
}

function assemble(parsed: Parsed, env: Environment): Options {
  const { values, changed } = parsed;
  const environment = readEnvironment(env);
  const disseminateMs = values["actors-disseminate-timeout"];
  const maxBodySize = sizeOr(bodySize(parsed), defaultBodySize);
  const readBufferSize = sizeOr(readBuffer(parsed), defaultReadBuffer);
  if (disseminateMs <= 0) {
    const shown = formatDuration(disseminateMs);
    throw new ConfigError(
      "flags",
      `invalid value for 'actors-disseminate-timeout' option: must be positive, got ${shown}`,
    );
  }
  const level = logLevel(values["log-level"]);
  checkAppId(values["app-id"], values.mode);
  const httpPort = port(values["dapr-http-port"], "error parsing dapr-http-port flag");
  const grpcPort = port(values["dapr-grpc-port"], "error parsing dapr-grpc-port flag");
  const profilePort = port(values["profile-port"], "error parsing profile-port flag");
  const internal = values["dapr-internal-grpc-port"];
  const internalGrpcPort = internal === "" ? 0 : port(internal, "error parsing dapr-internal-grpc-port");
  const publicRaw = values["dapr-public-port"];
  const publicPort = publicRaw === "" ? null : port(publicRaw, "error parsing dapr-public-port");
  const appPort = values["app-port"] === "" ? 0 : port(values["app-port"], "error parsing app-port");
  // compat: upstream compares unset with 0 too; we let both be "pick one" and "none".
  if (appPort !== 0 && appPort === httpPort) {
    throw new ConfigError("options", `the 'dapr-http-port' argument value ${httpPort} conflicts with 'app-port'`);
  }
  if (appPort !== 0 && appPort === grpcPort) {
    throw new ConfigError("options", `the 'dapr-grpc-port' argument value ${grpcPort} conflicts with 'app-port'`);
  }
  const bindingTimeout = values["app-binding-options-timeout"];
  const reconcile = values["hot-reload-reconcile-interval"];
  const graceful = values["dapr-graceful-shutdown-seconds"];
  const schedulers = changed.has("scheduler-host-address")
    ? values["scheduler-host-address"]
    : (environment.schedulerAddresses ?? "");
  return {
    ...environment,
    mode: modeOf(values.mode),
    appId: values["app-id"],
    httpPort,
    grpcPort,
    internalGrpcPort,
    listenAddresses: values["dapr-listen-addresses"].split(",").map((address) => address.trim()),
    internalListenAddress: values["dapr-internal-grpc-listen-address"],
    publicPort,
    publicListenAddress: values["dapr-public-listen-address"],
    profilePort,
    profiling: values["enable-profiling"],
    metrics: {
      enabled: values["enable-metrics"],
      port: port(values["metrics-port"], "failed to parse metrics port"),
      listenAddress: values["metrics-listen-address"],
    },
    app: {
      port: appPort,
      protocol: appProtocol(values["app-protocol"], values["app-ssl"]),
      channelAddress: values["app-channel-address"],
      maxConcurrency: Math.max(0, values["app-max-concurrency"]),
      bindingOptionsTimeoutMs: bindingTimeout > 0 ? bindingTimeout : 3000,
      health: appHealth(values),
    },
    resourcesPaths:
      values["resources-path"].length === 0 && values["components-path"] !== ""
        ? [values["components-path"]]
        : values["resources-path"],
    configPaths: values.config,
    maxBodySize,
    readBufferSize,
    unixDomainSocket: values["unix-domain-socket"],
    gracefulShutdownSeconds: graceful < 0 ? 5 : graceful,
    blockShutdownMs: changed.has("dapr-block-shutdown-duration") ? values["dapr-block-shutdown-duration"] : null,
    apiLogging: changed.has("enable-api-logging") ? values["enable-api-logging"] : null,
    logLevel: level,
    logAsJson: values["log-as-json"],
    logFile: values["log-file"],
    disableInitEndpoints: initEndpoints(values["disable-init-endpoints"]),
    hotReloadIntervalMs: reconcile > 0 ? reconcile : 60_000,
    allowedOrigins: addresses(values["allowed-origins"]),
    enableMtls: values["enable-mtls"],
    controlPlaneAddress: values["control-plane-address"],
    controlPlaneTrustDomain: trustDomain(
      changed.has("control-plane-trust-domain")
        ? values["control-plane-trust-domain"]
        : (environment.controlPlaneTrustDomain ?? values["control-plane-trust-domain"]),
    ),
    controlPlaneNamespace: changed.has("control-plane-namespace")
      ? values["control-plane-namespace"]
      : (environment.controlPlaneNamespace ?? values["control-plane-namespace"]),
    sentryAddress: values["sentry-address"],
    sentryAudiences: values["sentry-request-jwt-audiences"],
    placementAddresses: addresses(values["placement-host-address"]),
    actorsDisseminateTimeoutMs: disseminateMs,
    schedulerAddresses: addresses(schedulers),
    schedulerJobStreams: jobStreams(values["scheduler-job-streams"]),
    disableKubernetesSecretStore: values["disable-builtin-k8s-secret-store"],
  };
}

/** Reads a sidecar's command line and environment. Throws ConfigError with upstream's words, stage and exit code. */
export function readDaprdCommand(args: readonly string[], env: Environment): DaprdCommand {
  const parsed = parseFlags(daprdFlags, args, { singleDash: true });
  const { values, notices } = parsed;
  if (parsed.wantsHelp) return { action: "help", notices };
  if (values.version) return { action: "version", notices };
  if (values["build-info"]) return { action: "buildInfo", notices };
  if (values.wait) {
    return { action: "wait", httpPort: port(values["dapr-http-port"], "error parsing dapr-http-port flag"), notices };
  }
  const ssl = values["app-ssl"] && ["http", "grpc"].includes(values["app-protocol"].toLowerCase());
  const options = deepFreeze(assemble(parsed, env));
  const more = ssl ? [`The 'app-ssl' flag is deprecated; use 'app-protocol=${options.app.protocol}' instead`] : [];
  return { action: "run", options, notices: [...notices, ...more] };
}

/** The text of `--help` of the sidecar role. */
export function daprdHelp(program: string): string {
  return `Usage of ${program}:\n${flagHelp(daprdFlags)}`;
}
