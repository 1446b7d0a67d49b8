import { deepFreeze } from "../kit/freeze.ts";
import { ConfigError } from "./config-error.ts";
import type { AccessControl, Configuration, MetricsConfiguration, SecretScope } from "./configuration.ts";
import type { TracingEnvironment } from "./env.ts";
import type { ConfigurationManifest } from "./resource/configuration.ts";
import { tracingFrom } from "./tracing-from.ts";

type Spec = ConfigurationManifest["spec"];

const defaultBuckets: readonly number[] = [
  1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 30, 40, 50, 65, 80, 100, 130, 160, 200, 250, 300, 400, 500, 650, 800, 1000,
  2000, 5000, 10_000, 20_000, 50_000, 100_000,
];
const defaultFeatures = ["HotReload", "WorkflowsRemoteActivityReminder"];

function fail(message: string): ConfigError {
  return new ConfigError("configuration", message);
}

/** compat: pkg/config sortMetricsSpec; what `metrics` has goes over `metric`, field by field. */
function metricsFrom(base: Spec["metric"], over: Spec["metrics"]): MetricsConfiguration {
  const enabled = over?.enabled ?? base?.enabled;
  const recordErrorCodes = over?.recordErrorCodes ?? base?.recordErrorCodes;
  const http = over?.http ?? base?.http;
  const buckets = over?.latencyDistributionBuckets ?? base?.latencyDistributionBuckets;
  const rules = over?.rules && over.rules.length > 0 ? over.rules : base?.rules;
  const workflow = over?.workflow ?? base?.workflow;
  const written = {
    enabled,
    recordErrorCodes,
    http: http && {
      increasedCardinality: http.increasedCardinality,
      pathMatching: http.pathMatching?.length ? http.pathMatching : undefined,
      excludeVerbs: http.excludeVerbs,
    },
    latencyDistributionBuckets: buckets,
    rules: rules?.length ? rules : undefined,
  };
  return {
    enabled: enabled ?? true,
    recordErrorCodes: recordErrorCodes ?? false,
    http: {
      increasedCardinality: http?.increasedCardinality ?? true,
      pathMatching: http?.pathMatching ?? [],
      excludeVerbs: http?.excludeVerbs ?? false,
    },
    latencyBuckets: buckets?.length ? buckets : defaultBuckets,
    workflow: {
      latencyBuckets: workflow?.latencyDistributionBuckets,
      latencyUnits: workflow?.latencyDistributionUnits ?? "",
    },
    rules: rules ?? [],
    specText: JSON.stringify(written),
  };
}

function scopesFrom(scopes: Spec["secrets"]["scopes"]): SecretScope[] {
  const seen = new Set<string>();
  return scopes.map((scope) => {
    if (seen.has(scope.storeName)) throw fail(`${scope.storeName} storeName is repeated in secrets configuration`);
    seen.add(scope.storeName);
    const access = scope.defaultAccess.toLowerCase();
    if (access !== "" && access !== "allow" && access !== "deny") {
      throw fail(`defaultAccess ${scope.defaultAccess} can be either allow or deny`);
    }
    return {
      storeName: scope.storeName,
      defaultAccess: access === "deny" ? "deny" : "allow",
      allowedSecrets: scope.allowedSecrets,
      deniedSecrets: scope.deniedSecrets,
    };
  });
}

/** compat: pkg/acl ParseAccessControlSpec, whose error goes out without "error loading configuration". */
function accessControlFrom(spec: Spec["accessControl"]): AccessControl | null {
  if (!spec || (spec.trustDomain === "" && spec.defaultAction === "" && spec.policies.length === 0)) return null;
  const { policies } = spec;
  const without = (key: "trustDomain" | "namespace") =>
    `[${policies
      .filter((policy) => policy[key] === "")
      .map((policy) => policy.appId)
      .join(" ")}]`;
  const nameless = policies.some((policy) => policy.appId === "");
  if (nameless || policies.some((policy) => policy.trustDomain === "" || policy.namespace === "")) {
    throw new ConfigError(
      "options",
      `invalid access control spec. missing trustdomain for apps: ${without("trustDomain")}, missing namespace for apps: ` +
        `${without("namespace")}, missing app name on at least one of the app policies: ${nameless}`,
    );
  }
  return {
    defaultAction: spec.defaultAction.toLowerCase() || (policies.length > 0 ? "deny" : "allow"),
    trustDomain: spec.trustDomain || "public",
    policies,
  };
}

function featuresFrom(features: Spec["features"]): string[] {
  const on = new Set<string>();
  for (const feature of features) {
    if (feature.name === "") continue;
    if (feature.enabled) on.add(feature.name);
    else on.delete(feature.name);
  }
  for (const name of defaultFeatures) if (!features.some((feature) => feature.name === name)) on.add(name);
  return [...on];
}

function apiRules(rules: Spec["api"]["allowed"]): Configuration["api"]["allowed"] {
  return rules.map((rule) => ({ ...rule, protocol: rule.protocol.toLowerCase() }));
}

/** The usable shape of a decoded Configuration. Throws ConfigError where upstream refuses to start. */
export function configurationFrom(manifest: ConfigurationManifest, env: TracingEnvironment): Configuration {
  const { spec } = manifest;
  return deepFreeze({
    name: manifest.metadata.name,
    httpPipeline: spec.httpPipeline?.handlers ?? [],
    appHttpPipeline: spec.appHttpPipeline?.handlers ?? [],
    secretScopes: scopesFrom(spec.secrets.scopes),
    tracing: tracingFrom(spec.tracing, env),
    metrics: metricsFrom(spec.metric, spec.metrics),
    mtls: spec.mtls,
    accessControl: accessControlFrom(spec.accessControl),
    nameResolution: spec.nameResolution
      ? { ...spec.nameResolution, configuration: spec.nameResolution.configuration ?? null }
      : null,
    features: featuresFrom(spec.features),
    api: { allowed: apiRules(spec.api.allowed), denied: apiRules(spec.api.denied) },
    deniedComponents: spec.components.deny,
    apiLogging: spec.logging.apiLogging,
    wasmStrictSandbox: spec.wasm.strictSandbox,
    workflow: spec.workflow,
  });
}
