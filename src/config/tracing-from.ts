import { ConfigError } from "./config-error.ts";
import type { TracingConfiguration } from "./configuration.ts";
import type { TracingEnvironment } from "./env.ts";
import type { ConfigurationManifest } from "./resource/configuration.ts";

type Spec = ConfigurationManifest["spec"]["tracing"];

const headerName = /^[\w!#$%&'*+\-.^`|~]+$/;

/**
 * Tracing of a configuration and its environment. compat: pkg/config SetTracingSpecFromEnv; where no endpoint is configured the
 * environment has one, and faults in it stop the sidecar. Where one is configured, OpenTelemetry's exporters still take headers and
 * timeout from the environment if the configuration has none, and pass over those they cannot read.
 */
export function tracingFrom(spec: Spec, env: TracingEnvironment): TracingConfiguration {
  const otel = spec?.otel;
  const { samplingRate } = spec ?? { samplingRate: "" };
  const common = {
    stdout: spec?.stdout ?? false,
    zipkinEndpoint: spec?.zipkin?.endpointAddress ?? "",
    batch: batchFrom(env.batch),
    resource: resourceFrom(env),
  };
  const configured = otel?.endpointAddress ?? "";
  const isSecure = (otel?.isSecure ?? true) && !env.insecure;
  const own = otel?.headers ?? [];
  if (configured !== "") {
    const headers = own.length > 0 || env.headers === undefined ? own : readableHeaders(env.headers);
    const timeoutMs = otel?.timeout ?? positive(env.timeout);
    const protocol = otel?.protocol ?? "";
    return {
      ...common,
      samplingRate,
      otel: { protocol, endpoint: configured, secure: isSecure, headers, timeoutMs },
    };
  }
  const headers = env.headers === undefined ? own : [...own, ...headersFrom(env.headers)];
  const timeoutMs = timeoutFrom(env.timeout) ?? otel?.timeout;
  if (env.endpoint === undefined) {
    const { protocol = "", isSecure: secure = true } = otel ?? {};
    return { ...common, samplingRate, otel: { protocol, endpoint: "", secure, headers, timeoutMs } };
  }
  return {
    ...common,
    samplingRate: samplingRate === "" ? "1" : samplingRate,
    otel: {
      protocol: env.protocol,
      endpoint: env.endpoint.replace(/^http:\/\//, "").replace(/^https:\/\//, ""),
      secure: isSecure && !env.endpoint.startsWith("http://"),
      headers,
      timeoutMs,
    },
  };
}

function fail(message: string, cause?: unknown): ConfigError {
  return new ConfigError("configuration", message, { cause });
}

function headersFrom(text: string): string[] {
  return text.split(",").map((pair) => {
    const at = pair.indexOf("=");
    if (at < 0) throw fail(`missing '=' parse headers input${pair}`);
    const name = pair.slice(0, at).trim();
    if (!headerName.test(name)) throw fail(`invalid header key${name}`);
    try {
      return `${name}=${decodeURIComponent(pair.slice(at + 1)).trim()}`;
    } catch (cause) {
      throw fail(`escape header value${pair.slice(at + 1)}`, cause);
    }
  });
}

function readableHeaders(text: string): string[] {
  return text.split(",").flatMap((pair) => {
    try {
      return headersFrom(pair);
    } catch {
      return [];
    }
  });
}

function timeoutFrom(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[+-]?\d+$/.test(text)) throw fail(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  return positive(text);
}

/** A number above 0; undefined for anything else. */
function positive(text: string | undefined): number | undefined {
  const value = text !== undefined && /^\+?\d{1,9}$/.test(text) ? Number(text) : 0;
  return value > 0 ? value : undefined;
}

/** OpenTelemetry's defaults where the environment says nothing usable. */
function batchFrom({ delay, queue, batch, timeout }: TracingEnvironment["batch"]): TracingConfiguration["batch"] {
  const most = positive(queue) ?? 2048;
  return {
    delayMs: positive(delay) ?? 5000,
    queue: most,
    batch: Math.min(most, positive(batch) ?? 512),
    timeoutMs: positive(timeout) ?? 30_000,
  };
}

function resourceFrom({ serviceName, resourceAttributes }: TracingEnvironment): TracingConfiguration["resource"] {
  const attributes: [string, string][] = [];
  const faults: string[] = [];
  for (const pair of resourceAttributes === "" ? [] : resourceAttributes.split(",")) {
    const at = pair.indexOf("=");
    if (at < 0) faults.push(pair);
    else attributes.push([pair.slice(0, at).trim(), unescaped(pair.slice(at + 1).trim())]);
  }
  return { serviceName, attributes, faults };
}

/** compat: a value with a broken escape stays as it is. */
function unescaped(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
