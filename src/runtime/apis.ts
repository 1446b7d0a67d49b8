import { createAllowList, createPathGuard } from "../api/grpc/allow-list.ts";
import { createApiLogging } from "../api/grpc/api-logging.ts";
import { createApiToken } from "../api/grpc/api-token.ts";
import { createCallMetrics } from "../api/grpc/call-metrics.ts";
import { createConnectFetch } from "../api/grpc/connect-fetch.ts";
import { createHealthPart, type HealthSource } from "../api/grpc/health.ts";
import type { GrpcInterceptor } from "../api/grpc/interceptor.ts";
import type { MessageLimits } from "../api/grpc/message-codec.ts";
import { mergeParts } from "../api/grpc/method-table.ts";
import type { GrpcPart } from "../api/grpc/part.ts";
import type { RawHandler } from "../api/grpc/raw.ts";
import { createReflectionParts } from "../api/grpc/reflection.ts";
import { createGrpcServer } from "../api/grpc/server.ts";
import { createHttpApi } from "../api/http/app.ts";
import type { Fallback, HttpHandler, Route } from "../api/http/route.ts";
import type { Configuration } from "../config/configuration.ts";
import type { Options } from "../config/options.ts";
import { ApiError } from "../errors/error.ts";
import { describeHttp } from "../errors/http.ts";

import type { FetchHandler, Platform, StreamHandler } from "../platform/types.ts";
import type { Log } from "../telemetry/ports.ts";
import type { Telemetry } from "./telemetry.ts";

export interface ApisPorts {
  readonly platform: Platform;
  readonly options: Options;
  readonly configuration: Configuration;
  readonly telemetry: Telemetry;
  readonly log: Log;
  readonly routes: readonly Route[];
  readonly parts: readonly GrpcPart[];
  /** Invocation: what no route fits. */
  readonly fallback?: Fallback;
  /** Proxying: services that are not ours. */
  readonly unknown?: RawHandler;
  readonly health: Omit<HealthSource, "services">;
}

/** The handlers of a sidecar's listeners. */
export interface Apis {
  readonly http: FetchHandler;
  /** Health and metadata only: no token, no CORS. */
  readonly public: FetchHandler;
  readonly grpc: StreamHandler;
}

/** Joins routes and RPCs of all blocks with what stands in front of them. */
export function createApis(ports: ApisPorts): Apis {
  const { platform, options, configuration, telemetry, log } = ports;
  const { clock } = platform;
  const { api, apiLogging, metrics } = configuration;
  const logsCalls = options.apiLogging ?? apiLogging.enabled;
  const guard = createPathGuard(api.allowed, api.denied);
  const limits: MessageLimits = { maxReceiveBytes: options.maxBodySize, maxSendBytes: options.maxBodySize };
  const { methods, services } = mergeParts(ports.parts);
  const parts: readonly GrpcPart[] = [
    ...ports.parts,
    createHealthPart({ services: services.map((service) => service.typeName), ...ports.health }),
    ...createReflectionParts(services),
  ];

  const interceptors: GrpcInterceptor[] = [];
  if (guard !== undefined) interceptors.push(createAllowList(guard));
  if (options.apiToken !== "") interceptors.push(createApiToken(options.apiToken));
  if (metrics.enabled) {
    interceptors.push(
      createCallMetrics({
        metrics: telemetry.registry,
        clock,
        appId: options.appId,
        latencyBuckets: metrics.latencyBuckets,
        isUnary: (path) => methods.get(path)?.method.methodKind === "unary",
        ...(telemetry.errorCodes !== undefined && {
          onError: (error: unknown) => {
            if (!ApiError.is(error)) return;
            const { metricCode, category } = describeHttp(error);
            telemetry.errorCodes?.record(metricCode, category);
          },
        }),
      }),
    );
  }
  if (logsCalls) interceptors.push(createApiLogging({ log, clock }));

  const connect = createConnectFetch({ parts, limits, ...(guard !== undefined && { guard }) });
  const mount: HttpHandler = (request) =>
    connect(request.raw, request.path, request.call) ??
    ports.fallback?.handle(request) ??
    new Response(null, { status: 404 });
  const mounts = new Map(services.map((service) => [service.typeName, mount]));

  const ofHttp = (rules: typeof api.allowed) => rules.filter((rule) => rule.protocol === "http");
  const http = createHttpApi({
    routes: ports.routes,
    clock,
    tracer: telemetry.tracer,
    mounts,
    access: { allowed: ofHttp(api.allowed), denied: ofHttp(api.denied) },
    bodyLimit: options.maxBodySize,
    token: options.apiToken,
    allowedOrigins: options.allowedOrigins.join(","),
    ...(ports.fallback !== undefined && { fallback: ports.fallback }),
    ...(metrics.enabled && { metrics: telemetry.http.server }),
    ...(telemetry.errorCodes !== undefined && { errorCodes: telemetry.errorCodes }),
    ...(logsCalls && {
      apiLog: {
        log: log.scope("dapr.runtime.http-info"),
        obfuscateUrls: apiLogging.obfuscateURLs,
        omitHealthChecks: apiLogging.omitHealthChecks,
      },
    }),
  });
  return {
    http,
    public: createHttpApi({ routes: ports.routes.filter((route) => route.isPublic), clock, tracer: telemetry.tracer }),
    grpc: createGrpcServer({
      parts,
      interceptors,
      limits,
      clock,
      ...(ports.unknown !== undefined && { unknown: ports.unknown }),
    }),
  };
}
