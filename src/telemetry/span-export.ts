import type { TracingConfiguration } from "../config/configuration.ts";
import type { Clock } from "../kit/clock.ts";
import type { Random } from "../kit/random.ts";
import type { Http2Client, Http2Connect } from "../platform/types.ts";
import { createSpanBatches, type SpanBatches } from "./export/batch.ts";
import type { SpanExporter } from "./export/exporter.ts";
import type { OtlpOptions } from "./export/otlp-http.ts";
import type { Log } from "./ports.ts";
import type { SpanSink } from "./span.ts";
import { spanResource } from "./span-resource.ts";

export interface SpanExportPorts {
  readonly tracing: TracingConfiguration;
  readonly appId: string;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Absent: this host cannot export over gRPC. */
  readonly connectHttp2?: ((options: Http2Connect) => Http2Client) | undefined;
  readonly log: Log;
}

/** The way of spans to all places that are configured. */
export interface SpanExport extends SpanSink {
  /** Sends what waits, in at most `withinMs`. */
  close(withinMs: number): Promise<void>;
}

const defaultTimeoutMs = 10_000;

/**
 * Makes the exporters that the configuration asks for; undefined when it asks for none. Each has its own queue, and its code is
 * loaded with its first batch. Throws when a protocol is unknown or Zipkin's endpoint is no URL.
 */
export function createSpanExport(ports: SpanExportPorts): SpanExport | undefined {
  const { tracing } = ports;
  const exporters: (readonly [string, () => Promise<SpanExporter>])[] = [];
  if (tracing.stdout) {
    exporters.push(["stdout", async () => (await import("./export/stdout.ts")).createStdoutExporter(ports.log)]);
  }
  if (tracing.zipkinEndpoint !== "") {
    if (!/^https?:\/\/[^/]/i.test(tracing.zipkinEndpoint) || !URL.canParse(tracing.zipkinEndpoint)) {
      throw new Error(`invalid collector URL "${tracing.zipkinEndpoint}": write http://host:port/api/v2/spans`);
    }
    exporters.push([
      "Zipkin",
      async () => {
        const { createZipkinExporter } = await import("./export/zipkin.ts");
        const resource = spanResource(ports.appId, tracing.resource);
        return createZipkinExporter({ url: tracing.zipkinEndpoint, resource, userAgent: userAgent(ports.version) });
      },
    ]);
  }
  const otlp = otlpExporter(ports);
  if (otlp !== undefined) exporters.push(["OTLP", otlp]);
  if (exporters.length === 0) return undefined;

  const log = ports.log.scope("dapr.runtime.trace");
  const batches: readonly SpanBatches[] = exporters.map(([name, exporter]) =>
    createSpanBatches({
      exporter,
      limits: tracing.batch,
      attemptMs: tracing.otel.timeoutMs ?? defaultTimeoutMs,
      clock: ports.clock,
      random: ports.random,
      onLoss: (message) => log.warn(`${name}: ${message}`),
    }),
  );
  return {
    add(span) {
      for (const batch of batches) batch.add(span);
    },
    close: async (withinMs) => {
      await Promise.all(batches.map((batch) => batch.close(withinMs)));
    },
  };
}

function otlpExporter(ports: SpanExportPorts): (() => Promise<SpanExporter>) | undefined {
  const { endpoint, protocol, secure, headers, timeoutMs } = ports.tracing.otel;
  // compat: pkg/runtime/runtime.go exports nothing where there is no protocol
  if (endpoint === "") return undefined;
  if (protocol === "") {
    ports.log.warn("tracing.otel has an endpoint and no protocol, so nothing is exported there: set http or grpc");
    return undefined;
  }
  if (protocol !== "http" && protocol !== "grpc") {
    throw new Error(`invalid protocol ${protocol} provided for Otel endpoint`);
  }
  const { connectHttp2 } = ports;
  if (protocol === "grpc" && connectHttp2 === undefined) {
    throw new Error("this runtime cannot export traces over gRPC: set tracing.otel.protocol to http");
  }
  const options = (): OtlpOptions => ({
    endpoint,
    isSecure: secure,
    headers: headers.filter((header) => header.includes("=")).map(splitHeader),
    resource: spanResource(ports.appId, ports.tracing.resource),
    userAgent: userAgent(ports.version),
    onPartial: (reason) => ports.log.scope("dapr.runtime.trace").warn(`OTLP: partial success: ${reason}`),
  });
  if (connectHttp2 === undefined || protocol === "http") {
    return async () => (await import("./export/otlp-http.ts")).createOtlpHttpExporter(options());
  }
  return async () => {
    const { createOtlpGrpcExporter } = await import("./export/otlp-grpc.ts");
    return createOtlpGrpcExporter({
      ...options(),
      connect: connectHttp2,
      timeoutMs: timeoutMs ?? defaultTimeoutMs,
    });
  };
}

function splitHeader(header: string): readonly [string, string] {
  const at = header.indexOf("=");
  return [header.slice(0, at), header.slice(at + 1)];
}

function userAgent(version: string): string {
  return `Pillion/${version}`;
}
