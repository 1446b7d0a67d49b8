import { createAllowList, createPathGuard } from "../api/grpc/allow-list.ts";
import { createApiLogging } from "../api/grpc/api-logging.ts";
import { createApiToken } from "../api/grpc/api-token.ts";
import { createCallMetrics } from "../api/grpc/call-metrics.ts";
import { type ConnectFetch, createConnectFetch } from "../api/grpc/connect-fetch.ts";
import { createHealthPart, type HealthSource, healthService } from "../api/grpc/health.ts";
import type { GrpcInterceptor } from "../api/grpc/interceptor.ts";
import { mergeParts } from "../api/grpc/method-table.ts";
import type { GrpcPart } from "../api/grpc/part.ts";
import type { RawHandler } from "../api/grpc/raw.ts";
import { createReflectionParts } from "../api/grpc/reflection.ts";
import { createGrpcServer } from "../api/grpc/server.ts";
import { createGrpcTracing } from "../api/grpc/tracing.ts";
import type { Configuration } from "../config/configuration.ts";
import type { Options } from "../config/options.ts";
import { ApiError } from "../errors/error.ts";
import { describeHttp } from "../errors/http.ts";
import type { Clock } from "../kit/clock.ts";
import type { StreamHandler } from "../platform/types.ts";
import { createInvokeMetrics } from "../telemetry/invoke-metrics.ts";
import type { Log } from "../telemetry/ports.ts";
import { sentProxiedCalls } from "./proxied-calls.ts";
import type { Telemetry } from "./telemetry.ts";

export interface GrpcApiPorts {
  readonly clock: Clock;
  readonly options: Options;
  readonly telemetry: Telemetry;
  readonly log: Log;
  readonly parts: readonly GrpcPart[];
  /** Proxying: services that are not ours. */
  readonly unknown?: RawHandler;
  readonly health: Omit<HealthSource, "services">;
  readonly access: Configuration["api"];
  readonly logsCalls: boolean;
  readonly isMeasured: boolean;
}

/** The gRPC API of a sidecar: on its own port, and in the Connect and gRPC-web protocols for the HTTP port. */
export interface GrpcApi {
  readonly streams: StreamHandler;
  readonly connect: ConnectFetch;
}

/** Joins the RPCs of all blocks with what stands in front of them. */
export function createGrpcApi(ports: GrpcApiPorts): GrpcApi {
  const { clock, options, telemetry, log, access } = ports;
  const guard = createPathGuard(access.allowed, access.denied);
  const limits = { maxReceiveBytes: options.maxBodySize, maxSendBytes: options.maxBodySize };
  const { methods, services } = mergeParts(ports.parts);
  const parts: readonly GrpcPart[] = [
    ...ports.parts,
    createHealthPart({ services: services.map((service) => service.typeName), ...ports.health }),
    ...createReflectionParts(services),
  ];

  const onError = (error: unknown): void => {
    if (!ApiError.is(error)) return;
    const { metricCode, category } = describeHttp(error);
    telemetry.errorCodes?.record(metricCode, category);
  };
  const interceptors: GrpcInterceptor[] = [];
  if (guard !== undefined) interceptors.push(createAllowList(guard));
  if (options.apiToken !== "") interceptors.push(createApiToken(options.apiToken));
  if (telemetry.tracer.mode !== "off") {
    interceptors.push(createGrpcTracing({ tracer: telemetry.tracer, appId: options.appId }));
  }
  if (ports.isMeasured) {
    interceptors.push(
      createCallMetrics({
        metrics: telemetry.registry,
        clock,
        appId: options.appId,
        latencyBuckets: telemetry.latencyBuckets,
        isUnary: (path) => methods.get(path)?.method.methodKind === "unary",
        ...(telemetry.errorCodes !== undefined && { onError }),
      }),
    );
  }
  if (ports.isMeasured && ports.unknown !== undefined) {
    const metrics = createInvokeMetrics(telemetry.registry, telemetry.latencyBuckets);
    interceptors.push(sentProxiedCalls(metrics, (path) => methods.has(path), clock));
  }
  if (ports.logsCalls) interceptors.push(createApiLogging({ log, clock }));

  return {
    streams: createGrpcServer({
      parts,
      interceptors,
      limits,
      clock,
      ...(ports.unknown !== undefined && { unknown: ports.unknown, yielding: new Set([healthService]) }),
    }),
    connect: createConnectFetch({ parts, limits, ...(guard !== undefined && { guard }) }),
  };
}
