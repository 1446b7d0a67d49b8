import type { ConfigurationManifest } from "./resource/configuration.ts";

type Spec = ConfigurationManifest["spec"];

export interface PipelineHandler {
  readonly name: string;
  readonly type: string;
  readonly version: string;
}
export interface TracingConfiguration {
  /** As written; empty means the default of 0.0001. */
  readonly samplingRate: string;
  readonly stdout: boolean;
  /** Empty: no Zipkin exporter. */
  readonly zipkinEndpoint: string;
  readonly otel: {
    readonly protocol: string;
    /** host:port; empty: no OTLP exporter. */
    readonly endpoint: string;
    readonly secure: boolean;
    /** `name=value` each. */
    readonly headers: readonly string[];
    readonly timeoutMs: number | undefined;
  };
  /** How spans are collected before they are sent; milliseconds and numbers of spans. */
  readonly batch: {
    readonly delayMs: number;
    readonly queue: number;
    readonly batch: number;
    readonly timeoutMs: number;
  };
  /** What the environment says of the service that spans belong to. */
  readonly resource: {
    /** Empty: the app id. */
    readonly serviceName: string;
    readonly attributes: readonly (readonly [string, string])[];
    /** Attributes that cannot be read. */
    readonly faults: readonly string[];
  };
}
export interface MetricsConfiguration {
  readonly enabled: boolean;
  readonly recordErrorCodes: boolean;
  readonly http: {
    readonly increasedCardinality: boolean;
    readonly pathMatching: readonly string[];
    readonly excludeVerbs: boolean;
  };
  /** Upper bounds in milliseconds. */
  readonly latencyBuckets: readonly number[];
  readonly workflow: { readonly latencyBuckets: readonly number[] | undefined; readonly latencyUnits: string };
  readonly rules: readonly {
    readonly name: string;
    readonly labels: readonly { readonly name: string; readonly regex: Readonly<Record<string, string>> }[];
  }[];
  /** What was written, as one line of JSON in upstream's order of fields, for the log. */
  readonly specText: string;
}
export interface SecretScope {
  readonly storeName: string;
  readonly defaultAccess: "allow" | "deny";
  readonly allowedSecrets: readonly string[];
  readonly deniedSecrets: readonly string[];
}
export interface AccessControlPolicy {
  readonly appId: string;
  readonly namespace: string;
  readonly trustDomain: string;
  readonly defaultAction: string;
  readonly operations: readonly {
    readonly name: string;
    readonly httpVerb: readonly string[];
    readonly action: string;
  }[];
}
export interface AccessControl {
  readonly defaultAction: string;
  readonly trustDomain: string;
  readonly policies: readonly AccessControlPolicy[];
}
export interface ApiRule {
  readonly name: string;
  readonly version: string;
  /** In lower case; only `http` and `grpc` have an effect. */
  readonly protocol: string;
}

/** What the configuration files say, merged, with defaults and environment applied. Frozen. */
export interface Configuration {
  /** Name of the last file that has one; empty without files. */
  readonly name: string;
  readonly httpPipeline: readonly PipelineHandler[];
  readonly appHttpPipeline: readonly PipelineHandler[];
  readonly tracing: TracingConfiguration;
  readonly metrics: MetricsConfiguration;
  readonly mtls: Spec["mtls"];
  readonly secretScopes: readonly SecretScope[];
  /** null: everything is allowed, and no list was asked for. */
  readonly accessControl: AccessControl | null;
  /** null: the default resolver. */
  readonly nameResolution: {
    readonly component: string;
    readonly version: string;
    readonly configuration: unknown;
  } | null;
  /** Names of all features that are on, also of those that we do not know. */
  readonly features: readonly string[];
  readonly api: { readonly allowed: readonly ApiRule[]; readonly denied: readonly ApiRule[] };
  /** Entries `type` or `type/version`. */
  readonly deniedComponents: readonly string[];
  readonly apiLogging: Spec["logging"]["apiLogging"];
  readonly wasmStrictSandbox: boolean;
  /** Limits: 0 means none. Retention in milliseconds. */
  readonly workflow: Spec["workflow"];
}

/** True when a scope lets the app read the secret. compat: pkg/config SecretsScope.IsSecretAllowed */
export function isSecretAllowed(scope: SecretScope, name: string): boolean {
  if (scope.allowedSecrets.length > 0) return scope.allowedSecrets.includes(name);
  if (scope.deniedSecrets.includes(name)) return false;
  return scope.defaultAccess === "allow";
}
