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
import { createProcessMetrics, type ProcessMetrics } from "../telemetry/process-metrics.ts";
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
  readonly latencyBuckets: readonly number[];
}

/** Makes the registry, its series and the tracer. */
export function createTelemetry(options: Options, configuration: Configuration, platform: Platform): Telemetry {
  const { metrics, tracing } = configuration;
  const registry = createMetrics({ prefix: "dapr", common: { app_id: options.appId }, rules: metrics.rules });
  const components = createComponentMetrics(registry, {
    namespace: options.namespace,
    latencyBuckets: metrics.latencyBuckets,
  });
  const control = platform.process;
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
    tracer: createTracer({
      samplingRate: tracing.samplingRate,
      hasExporter: tracing.stdout || tracing.zipkinEndpoint !== "" || tracing.otel.endpoint !== "",
      random: platform.random,
    }),
    latencyBuckets: metrics.latencyBuckets,
  };
}
