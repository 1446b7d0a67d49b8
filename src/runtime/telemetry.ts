import type { Configuration } from "../config/configuration.ts";
import type { Options } from "../config/options.ts";
import type { Platform } from "../platform/types.ts";
import {
  type ComponentMetrics,
  createComponentMetrics,
  type StateOperationName,
} from "../telemetry/component-metrics.ts";
import { createErrorCodeMetrics, type ErrorCodeMetrics } from "../telemetry/error-code-metrics.ts";
import { createHttpMetrics } from "../telemetry/http-metrics.ts";
import { createMetrics, type MetricsRegistry } from "../telemetry/metrics.ts";
import type { Log } from "../telemetry/ports.ts";
import { createProcessMetrics, type ProcessMetrics } from "../telemetry/process-metrics.ts";
import { createSpanRecorder } from "../telemetry/span.ts";
import { createSpanExport } from "../telemetry/span-export.ts";
import { createTracer, type Tracer } from "../telemetry/trace.ts";
import type { OperationMeter } from "./guard.ts";

/** Metrics and tracing of one sidecar, made from its configuration. */
export interface Telemetry {
  readonly registry: MetricsRegistry;
  readonly http: ReturnType<typeof createHttpMetrics>;
  readonly components: ComponentMetrics;
  readonly operations: OperationMeter;
  /** Absent unless the configuration asks for error codes. */
  readonly errorCodes: ErrorCodeMetrics | undefined;
  readonly process: ProcessMetrics | undefined;
  readonly tracer: Tracer;
  /** Sends the spans that wait, in a few seconds at most. */
  close(): Promise<void>;
  readonly latencyBuckets: readonly number[];
}

export interface TelemetryPorts {
  readonly options: Options;
  readonly configuration: Configuration;
  readonly platform: Platform;
  readonly version: string;
  readonly log: Log;
}

/** How long the exporters have when the sidecar stops: less than its grace period. */
const flushMs = 3000;

/** Makes the registry, its series, the tracer and what exports its spans. */
export function createTelemetry({ options, configuration, platform, version, log }: TelemetryPorts): Telemetry {
  const { metrics, tracing } = configuration;
  const registry = createMetrics({ prefix: "dapr", common: { app_id: options.appId }, rules: metrics.rules });
  const components = createComponentMetrics(registry, {
    namespace: options.namespace,
    latencyBuckets: metrics.latencyBuckets,
  });
  const control = platform.process;
  const { clock, random, connectHttp2 } = platform;
  const spans = createSpanExport({ tracing, appId: options.appId, version, clock, random, connectHttp2, log });
  if (tracing.resource.faults.length > 0) {
    log.warn(`OTEL_RESOURCE_ATTRIBUTES has parts without a value, which are left out: [${tracing.resource.faults}]`);
  }
  const tracer = createTracer({
    samplingRate: tracing.samplingRate,
    hasExporter: spans !== undefined,
    random,
    record: spans === undefined ? undefined : createSpanRecorder(clock, spans),
  });
  log.info(`Dapr trace sampler initialized: ${tracer.sampler}`);
  return {
    registry,
    http: createHttpMetrics(registry, { ...metrics.http, latencyBuckets: metrics.latencyBuckets }),
    components,
    operations: (category, component, operation, succeeded, elapsedMs) => {
      if (category === "state") components.state(component, operation as StateOperationName, succeeded, elapsedMs);
      else if (category === "secretstores") {
        components.secret(component, operation === "get" ? "get" : "bulk_get", succeeded, elapsedMs);
      }
    },
    errorCodes: metrics.recordErrorCodes ? createErrorCodeMetrics(registry) : undefined,
    process:
      control === undefined
        ? undefined
        : createProcessMetrics(registry, {
            process: control,
            clock: platform.clock,
            ...(platform.files !== undefined && { files: platform.files }),
          }),
    tracer,
    close: async () => {
      await spans?.close(flushMs);
    },
    latencyBuckets: metrics.latencyBuckets,
  };
}
