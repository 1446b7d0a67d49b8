import type { HealthSource } from "../api/grpc/health.ts";
import { lazyStreams } from "../api/grpc/lazy.ts";
import type { GrpcPart } from "../api/grpc/part.ts";
import type { RawHandler } from "../api/grpc/raw.ts";
import { createHttpApi } from "../api/http/app.ts";
import { createPublicFallback } from "../api/http/public-fallback.ts";
import type { Fallback, HttpPipeline, HttpRequest, Route } from "../api/http/route.ts";
import type { Configuration } from "../config/configuration.ts";
import type { Options } from "../config/options.ts";
import type { FetchHandler, Platform, StreamHandler } from "../platform/types.ts";
import type { Log } from "../telemetry/ports.ts";
import type { GrpcApi } from "./grpc-api.ts";
import type { Telemetry } from "./telemetry.ts";

/** The RPCs of all blocks, loaded when the first call over gRPC or Connect comes. */
export interface GrpcFaces {
  readonly parts: readonly GrpcPart[];
  /** Proxying: services that are not ours. */
  readonly unknown?: RawHandler;
}

/** What the blocks of one sidecar show to callers. */
export interface Faces {
  readonly routes: readonly Route[];
  /** Invocation: what no route fits. */
  readonly fallback?: Fallback;
  readonly grpc: () => Promise<GrpcFaces>;
  readonly health: Omit<HealthSource, "services">;
}

export interface ApisPorts {
  readonly platform: Platform;
  readonly options: Options;
  readonly configuration: Configuration;
  readonly telemetry: Telemetry;
  readonly log: Log;
  readonly faces: Faces;
  /** In front of the HTTP API. */
  readonly pipeline?: HttpPipeline | undefined;
}

/** The handlers of a sidecar's listeners. */
export interface Apis {
  readonly http: FetchHandler;
  /** Health and metadata only: no token, no CORS. */
  readonly public: FetchHandler;
  readonly grpc: StreamHandler;
}

/** Services that the HTTP port answers in the Connect and gRPC-web protocols. */
const connectServices = [
  "dapr.proto.runtime.v1.Dapr",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
];

/** Joins the faces of all blocks with what stands in front of them. */
export function createApis({ platform, options, configuration, telemetry, log, faces, pipeline }: ApisPorts): Apis {
  const { clock } = platform;
  const { api, apiLogging, metrics } = configuration;
  const logsCalls = options.apiLogging ?? apiLogging.enabled;

  let loading: Promise<GrpcApi> | undefined;
  const load = async (): Promise<GrpcApi> => {
    const [{ createGrpcApi }, found] = await Promise.all([import("./grpc-api.ts"), faces.grpc()]);
    return createGrpcApi({
      clock,
      options,
      telemetry,
      log,
      ...found,
      health: faces.health,
      access: api,
      logsCalls,
      isMeasured: metrics.enabled,
    });
  };
  const grpc = (): Promise<GrpcApi> => {
    loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
  const mount = async (request: HttpRequest): Promise<Response | undefined> => {
    const { connect } = await grpc();
    return (await connect(request.web(), request.path, request.call)) ?? undefined;
  };

  const ofHttp = (rules: typeof api.allowed) => rules.filter((rule) => rule.protocol === "http");
  const publicRoutes = faces.routes.filter((route) => route.isPublic);
  return {
    http: createHttpApi({
      routes: faces.routes,
      clock,
      tracer: telemetry.tracer,
      mounts: new Map(connectServices.map((name) => [name, mount])),
      access: { allowed: ofHttp(api.allowed), denied: ofHttp(api.denied) },
      bodyLimit: options.maxBodySize,
      token: options.apiToken,
      allowedOrigins: options.allowedOrigins.join(","),
      ...(faces.fallback !== undefined && { fallback: faces.fallback }),
      ...(pipeline !== undefined && { pipeline }),
      ...(metrics.enabled && { metrics: telemetry.http.server }),
      ...(telemetry.errorCodes !== undefined && { errorCodes: telemetry.errorCodes }),
      ...(logsCalls && {
        apiLog: {
          log: log.scope("dapr.runtime.http-info"),
          obfuscateUrls: apiLogging.obfuscateURLs,
          omitHealthChecks: apiLogging.omitHealthChecks,
        },
      }),
    }),
    public: createHttpApi({
      routes: publicRoutes,
      clock,
      tracer: telemetry.tracer,
      fallback: createPublicFallback(publicRoutes),
      ...(metrics.enabled && { metrics: telemetry.http.server }),
    }),
    grpc: lazyStreams(async () => (await grpc()).streams),
  };
}
