import type { SpanData } from "../span.ts";
import { ExportError, type Resource, type SpanExporter, scopeName } from "./exporter.ts";
import { retryAfter } from "./otlp-http.ts";

export interface ZipkinOptions {
  /** The whole URL, `http://127.0.0.1:9411/api/v2/spans`. */
  readonly url: string;
  readonly resource: Resource;
  readonly userAgent: string;
}

/** Attributes that name the other side, the most telling first. */
const remoteNames = ["server.address", "net.peer.name", "db.name"] as const;

/** Exports in Zipkin's JSON, version 2. */
export function createZipkinExporter({ url, resource, userAgent }: ZipkinOptions): SpanExporter {
  return {
    async send(spans, signal) {
      const body = JSON.stringify(spans.map((span) => zipkinSpan(span, resource)));
      const headers = { "content-type": "application/json", "user-agent": userAgent };
      const answer = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
      await answer.arrayBuffer();
      if (answer.ok) return;
      throw new ExportError(`${url} answered ${answer.status}`, {
        isTemporary: answer.status === 429 || answer.status >= 500,
        waitMs: retryAfter(answer.headers.get("retry-after")),
      });
    },
    close: async () => {},
  };
}

/** A span as Zipkin wants it. compat: names in lower case, times in microseconds, resource attributes among the tags. */
export function zipkinSpan(span: SpanData, resource: Resource): object {
  const { traceId, spanId: id, parentId, name, kind, attributes, error } = span;
  const tags: Record<string, string> = Object.fromEntries(attributes);
  for (const [key, value] of resource) tags[key] = value;
  tags["otel.scope.name"] = scopeName;
  if (error !== undefined) {
    tags["error"] = error;
    tags["otel.status_code"] = "ERROR";
  }
  const remote = kind === "server" ? undefined : remoteNames.find((key) => attributes.has(key));
  return {
    timestamp: Math.round(span.startMs * 1000),
    duration: Math.max(1, Math.round((span.endMs - span.startMs) * 1000)),
    traceId,
    id,
    ...(parentId !== "" && { parentId }),
    name: name.toLowerCase(),
    kind: kind.toUpperCase(),
    localEndpoint: { serviceName: resource.get("service.name") ?? "" },
    ...(remote !== undefined && { remoteEndpoint: { serviceName: attributes.get(remote) } }),
    tags,
  };
}
