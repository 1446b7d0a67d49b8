import { parseDuration } from "../kit/duration.ts";
import { isTruthy } from "../kit/truthy.ts";

/** The process environment, as the platform gives it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says about tracing; undefined where it says nothing. compat: pkg/config SetTracingSpecFromEnv and OpenTelemetry's own variables */
export interface TracingEnvironment {
  readonly endpoint: string | undefined;
  readonly protocol: "http" | "grpc";
  readonly insecure: boolean;
  readonly headers: string | undefined;
  readonly timeout: string | undefined;
  readonly serviceName: string;
  readonly resourceAttributes: string;
  readonly batch: {
    readonly delay: string | undefined;
    readonly queue: string | undefined;
    readonly batch: string | undefined;
    readonly timeout: string | undefined;
  };
}

/** Everything that is read from environment variables, apart from what components refer to by name. */
export interface EnvironmentOptions {
  /** NAMESPACE as it is; empty when it is not set. */
  readonly namespace: string;
  /** NAMESPACE, or `default` when it is not set at all. */
  readonly currentNamespace: string;
  readonly podName: string;
  /** Address to advertise in place of a discovered one. */
  readonly hostAddress: string;
  readonly apiToken: string;
  readonly appToken: string;
  /** Root certificates in PEM. */
  readonly trustAnchors: string;
  readonly sentryTokenFile: string;
  readonly sentryLocalIdentity: string;
  readonly controlPlaneNamespace: string | undefined;
  readonly controlPlaneTrustDomain: string | undefined;
  readonly schedulerAddresses: string | undefined;
  readonly componentsSocketsFolder: string;
  readonly disableH2c: boolean;
  readonly peerMaxIdleMs: number;
  readonly peerCollectIntervalMs: number;
  readonly tracing: TracingEnvironment;
}

function durationOr(raw: string | undefined, fallback: number): number {
  if (raw === undefined || raw === "") return fallback;
  try {
    return parseDuration(raw);
  } catch {
    // compat: pkg/api/grpc/manager keeps its default when the variable is no duration.
    return fallback;
  }
}

function tracing(env: Environment): TracingEnvironment {
  const either = (name: string) =>
    env[`OTEL_EXPORTER_OTLP_TRACES_${name}`] || env[`OTEL_EXPORTER_OTLP_${name}`] || undefined;
  return {
    endpoint: either("ENDPOINT"),
    protocol: either("PROTOCOL")?.startsWith("http") ? "http" : "grpc",
    insecure: either("INSECURE") === "true",
    headers: either("HEADERS"),
    timeout: either("TIMEOUT"),
    serviceName: env["OTEL_SERVICE_NAME"]?.trim() ?? "",
    resourceAttributes: env["OTEL_RESOURCE_ATTRIBUTES"]?.trim() ?? "",
    batch: {
      delay: env["OTEL_BSP_SCHEDULE_DELAY"],
      queue: env["OTEL_BSP_MAX_QUEUE_SIZE"],
      batch: env["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"],
      timeout: env["OTEL_BSP_EXPORT_TIMEOUT"],
    },
  };
}

/** Reads the variables that the sidecar knows. Never throws. */
export function readEnvironment(env: Environment): EnvironmentOptions {
  return Object.freeze({
    namespace: env["NAMESPACE"] ?? "",
    currentNamespace: env["NAMESPACE"] ?? "default",
    podName: env["POD_NAME"] ?? "",
    hostAddress: env["DAPR_HOST_IP"] ?? "",
    apiToken: env["DAPR_API_TOKEN"] ?? "",
    appToken: env["APP_API_TOKEN"] ?? "",
    trustAnchors: env["DAPR_TRUST_ANCHORS"] ?? "",
    sentryTokenFile: env["DAPR_SENTRY_TOKEN_FILE"] ?? "",
    sentryLocalIdentity: env["SENTRY_LOCAL_IDENTITY"] ?? "",
    controlPlaneNamespace: env["DAPR_CONTROLPLANE_NAMESPACE"],
    controlPlaneTrustDomain: env["DAPR_CONTROLPLANE_TRUST_DOMAIN"],
    schedulerAddresses: env["DAPR_SCHEDULER_HOST_ADDRESS_DNS_A"],
    componentsSocketsFolder: env["DAPR_COMPONENTS_SOCKETS_FOLDER"] || "/tmp/dapr-components-sockets",
    disableH2c: isTruthy(env["DAPR_HTTP_DISABLE_H2C"]),
    peerMaxIdleMs: durationOr(env["DAPR_GRPC_MAX_CONN_IDLE"], 180_000),
    peerCollectIntervalMs: durationOr(env["DAPR_GRPC_CONN_COLLECTOR_INTERVAL"], 45_000),
    tracing: tracing(env),
  });
}

/**
 * The value of a variable that a resource names with `envRef`: empty when it is not set, null when resources may not read it.
 * compat: pkg/runtime/processor/secret refuses our own variables and those outside DAPR_ENV_KEYS, when that is set.
 */
export function readEnvReference(env: Environment, name: string): string | null {
  const key = name.toUpperCase();
  if (key === "" || key === "APP_API_TOKEN" || key.startsWith("DAPR_") || key.includes(" ")) return null;
  const listed = env["DAPR_ENV_KEYS"] ?? "";
  if (listed !== "" && !listed.split(" ").includes(key)) return null;
  return env[name] ?? "";
}
