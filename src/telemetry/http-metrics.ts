import { defaultLatencyBuckets, sizeBuckets } from "./buckets.ts";
import { normalizeHttpPath, reducedPath } from "./metric-path.ts";
import type { BoundCounter, BoundHistogram, MetricsRegistry } from "./metrics.ts";
import { createPathMatcher } from "./path-matcher.ts";

/** Counts requests to the HTTP API. Sizes in bytes, latency in milliseconds; `path` is unescaped, without the query. */
export interface HttpServerMetrics {
  completed(
    method: string,
    path: string,
    status: number,
    requestBytes: number,
    responseBytes: number,
    ms: number,
  ): void;
}

/** Counts requests that the sidecar sends to its app and to services outside; `path` is unescaped, without the query. */
export interface HttpClientMetrics {
  completed(
    method: string,
    path: string,
    status: number,
    requestBytes: number,
    responseBytes: number,
    ms: number,
  ): void;
  /** A health probe of the app. */
  probed(status: number, ms: number): void;
}

/** What Configuration `spec.metrics` says about HTTP. */
export interface HttpMetricsOptions {
  readonly increasedCardinality: boolean;
  readonly pathMatching: readonly string[];
  readonly excludeVerbs: boolean;
  /** Upper bounds in milliseconds; empty: the defaults. */
  readonly latencyBuckets: readonly number[];
}

const verbs: ReadonlySet<string> = new Set([
  "GET",
  "PUT",
  "POST",
  "PATCH",
  "DELETE",
  "HEAD",
  "OPTIONS",
  "CONNECT",
  "TRACE",
]);
const staticPaths: ReadonlySet<string> = new Set(["/dapr/config", "/dapr/metrics", "/dapr/subscribe", "/healthz"]);

interface ServerSeries {
  readonly method: string;
  readonly status: number;
  readonly requests: BoundCounter;
  readonly responses: BoundCounter | undefined;
  readonly latency: BoundHistogram;
}

/** Both sides of HTTP in one registry: `http_server_…` and `http_client_…`. */
export function createHttpMetrics(
  metrics: MetricsRegistry,
  options: HttpMetricsOptions,
): { readonly server: HttpServerMetrics; readonly client: HttpClientMetrics } {
  const buckets = options.latencyBuckets.length > 0 ? options.latencyBuckets : defaultLatencyBuckets;
  const label = createLabels(options);
  return { server: serverMetrics(metrics, label, buckets), client: clientMetrics(metrics, label, buckets) };
}

interface Labels {
  method(method: string): string;
  serverPath(path: string): string;
  clientPath(path: string): string;
  readonly isIncreased: boolean;
}

function createLabels(options: HttpMetricsOptions): Labels {
  const match = createPathMatcher(options.pathMatching);
  const isIncreased = options.increasedCardinality;

  /** compat: the order in which upstream looks for a label (pkg/diagnostics/http_monitoring.go). */
  function pathLabel(path: string): string {
    if (staticPaths.has(path)) return path;
    if (match === null || path === "") return isIncreased ? reducedPath(path) : "";
    const found = match(path);
    if (found !== "" && (!isIncreased || found !== path)) return found;
    const reduced = reducedPath(path);
    if (reduced !== path) {
      const again = match(reduced);
      if (again !== "" && again !== "/") return again;
    }
    return isIncreased ? reduced : "";
  }
  return {
    isIncreased,
    method: (method) => (options.excludeVerbs ? "" : verbs.has(method) ? method : "UNKNOWN"),
    serverPath(path) {
      if (match !== null) return pathLabel(normalizeHttpPath(path));
      return isIncreased ? reducedPath(path) : "";
    },
    clientPath: pathLabel,
  };
}

function serverMetrics(metrics: MetricsRegistry, label: Labels, buckets: readonly number[]): HttpServerMetrics {
  const requests = metrics.counter("http_server_request_count", "HTTP requests that the API served.");
  // compat: upstream shows this one only with increased cardinality.
  const responses = label.isIncreased
    ? metrics.counter("http_server_response_count", "HTTP responses that the API gave.")
    : undefined;
  const latency = metrics.histogram("http_server_latency", "Time to serve an HTTP request, in ms.", buckets);
  const requestBytes = metrics
    .histogram("http_server_request_bytes", "Announced size of HTTP request bodies.", sizeBuckets)
    .bind({});
  const responseBytes = metrics
    .histogram("http_server_response_bytes", "Size of HTTP response bodies.", sizeBuckets)
    .bind({});
  const series = new Map<string, ServerSeries[]>();
  return {
    completed(method, path, status, received, sent, ms) {
      const shownPath = label.serverPath(path);
      let ofPath = series.get(shownPath);
      if (ofPath === undefined) series.set(shownPath, (ofPath = []));
      let found = ofPath.find((one) => one.status === status && one.method === method);
      if (found === undefined) {
        const labels = { method: label.method(method), path: shownPath, status: String(status) };
        found = {
          method,
          status,
          requests: requests.bind(labels),
          responses: responses?.bind(labels),
          latency: latency.bind(labels),
        };
        ofPath.push(found);
      }
      found.requests.add();
      found.responses?.add();
      found.latency.observe(ms);
      requestBytes.observe(received);
      responseBytes.observe(sent);
    },
  };
}

interface ClientSeries {
  readonly method: string;
  readonly status: number;
  readonly sent: BoundHistogram;
  readonly completed: BoundCounter;
  readonly latency: BoundHistogram;
}

function clientMetrics(metrics: MetricsRegistry, label: Labels, buckets: readonly number[]): HttpClientMetrics {
  const sent = metrics.histogram("http_client_sent_bytes", "Size of request bodies sent to the app.", sizeBuckets);
  const allReceived = metrics.histogram(
    "http_client_received_bytes",
    "Size of response bodies from the app.",
    sizeBuckets,
  );
  let received: BoundHistogram | undefined;
  const latency = metrics.histogram("http_client_roundtrip_latency", "Time for an answer of the app, in ms.", buckets);
  const completed = metrics.counter("http_client_completed_count", "HTTP requests that the app answered.");
  const probes = metrics.counter("http_healthprobes_completed_count", "Health probes of the app.");
  const probeLatency = metrics.histogram(
    "http_healthprobes_roundtrip_latency",
    "Time for a health probe of the app, in ms.",
    buckets,
  );
  const series = new Map<string, ClientSeries[]>();
  return {
    completed(method, path, status, requestBytes, responseBytes, ms) {
      const shownPath = label.clientPath(path);
      let ofPath = series.get(shownPath);
      if (ofPath === undefined) series.set(shownPath, (ofPath = []));
      let found = ofPath.find((one) => one.status === status && one.method === method);
      if (found === undefined) {
        const common = { method: label.method(method), path: shownPath };
        const labels = { ...common, status: String(status) };
        found = {
          method,
          status,
          // compat: sizes of requests have the label of a status without a value.
          sent: sent.bind({ ...common, status: "" }),
          completed: completed.bind(labels),
          latency: latency.bind(labels),
        };
        ofPath.push(found);
      }
      found.sent.observe(requestBytes);
      found.completed.add();
      found.latency.observe(ms);
      // An app that speaks gRPC never gets here, and then there is no such series.
      received ??= allReceived.bind({});
      received.observe(responseBytes);
    },
    probed(status, ms) {
      probes.add({ status: String(status) });
      probeLatency.observe({ status: String(status) }, ms);
    },
  };
}
