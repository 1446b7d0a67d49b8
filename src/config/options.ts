import type { EnvironmentOptions } from "./env.ts";

export type AppProtocol = "http" | "https" | "h2c" | "grpc" | "grpcs";
export type OptionsLogLevel = "debug" | "info" | "warn" | "error" | "fatal";

/** Probing of the app's health; `enabled` false means the app counts as healthy once its port accepts. */
export interface AppHealthOptions {
  readonly enabled: boolean;
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly threshold: number;
}
export interface AppOptions {
  /** 0: no app. */
  readonly port: number;
  readonly protocol: AppProtocol;
  readonly channelAddress: string;
  /** 0: no limit. */
  readonly maxConcurrency: number;
  readonly bindingOptionsTimeoutMs: number;
  readonly health: AppHealthOptions;
}

/** What one sidecar was told by flags and environment, checked and with all defaults. Frozen. */
export interface Options
  extends Omit<EnvironmentOptions, "controlPlaneNamespace" | "controlPlaneTrustDomain" | "schedulerAddresses"> {
  readonly mode: "standalone" | "kubernetes";
  readonly appId: string;
  /** Ports: 0 picks a free one. */
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly internalGrpcPort: number;
  /** Addresses of both APIs; an empty string means all interfaces. */
  readonly listenAddresses: readonly string[];
  readonly internalListenAddress: string;
  /** null: no public listener. */
  readonly publicPort: number | null;
  readonly publicListenAddress: string;
  readonly profilePort: number;
  readonly profiling: boolean;
  readonly metrics: { readonly enabled: boolean; readonly port: number; readonly listenAddress: string };
  readonly app: AppOptions;
  readonly resourcesPaths: readonly string[];
  readonly configPaths: readonly string[];
  /** Bytes. */
  readonly maxBodySize: number;
  /** Bytes of a request's header block. */
  readonly readBufferSize: number;
  /** Folder of the sockets `dapr-<appId>-http.socket` and `dapr-<appId>-grpc.socket`; empty: TCP. */
  readonly unixDomainSocket: string;
  readonly gracefulShutdownSeconds: number;
  /** null: a stop signal shuts down at once. */
  readonly blockShutdownMs: number | null;
  /** null: the configuration decides. */
  readonly apiLogging: boolean | null;
  readonly logLevel: OptionsLogLevel;
  readonly logAsJson: boolean;
  /** Empty: standard output. */
  readonly logFile: string;
  readonly disableInitEndpoints: readonly ("config" | "subscribe")[];
  readonly hotReloadIntervalMs: number;
  /** Empty: CORS is off. */
  readonly allowedOrigins: readonly string[];
  readonly enableMtls: boolean;
  readonly controlPlaneAddress: string;
  readonly controlPlaneTrustDomain: string;
  readonly controlPlaneNamespace: string;
  readonly sentryAddress: string;
  readonly sentryAudiences: readonly string[];
  /** Empty: actors are off. */
  readonly placementAddresses: readonly string[];
  readonly actorsDisseminateTimeoutMs: number;
  readonly schedulerAddresses: readonly string[];
  readonly schedulerJobStreams: number;
  readonly disableKubernetesSecretStore: boolean;
}

/** Ports and host of a running sidecar, as its own environment shows them. */
export interface SidecarPorts {
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly internalGrpcPort: number;
  readonly hostAddress: string;
}

/** The variables that upstream sets in the sidecar's own environment, so that `envRef` and env secrets see them. compat: pkg/runtime/config.go */
export function sidecarEnvironment(options: Options, ports: SidecarPorts): Readonly<Record<string, string>> {
  return {
    APP_ID: options.appId,
    APP_PORT: String(options.app.port),
    HOST_ADDRESS: ports.hostAddress,
    DAPR_PORT: String(ports.internalGrpcPort),
    DAPR_GRPC_PORT: String(ports.grpcPort),
    DAPR_HTTP_PORT: String(ports.httpPort),
    DAPR_METRICS_PORT: String(options.metrics.port),
    DAPR_PROFILE_PORT: String(options.profilePort),
  };
}
