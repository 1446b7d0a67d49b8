import type { ConfigurationManifest } from "./configuration.ts";

/** What reading `configurationDefaults` by its schema gives, which a test holds. */
export const defaultConfiguration: ConfigurationManifest = {
  apiVersion: "",
  kind: "",
  metadata: { name: "", namespace: "" },
  scopes: [],
  spec: {
    tracing: {
      samplingRate: "",
      stdout: false,
      otel: { protocol: "", endpointAddress: "", isSecure: true, headers: [] },
    },
    metric: { enabled: true },
    mtls: {
      enabled: false,
      workloadCertTTL: "",
      allowedClockSkew: "",
      sentryAddress: "",
      controlPlaneTrustDomain: "",
      tokenValidators: [],
    },
    secrets: { scopes: [] },
    accessControl: { defaultAction: "allow", trustDomain: "public", policies: [] },
    features: [],
    api: { allowed: [], denied: [] },
    components: { deny: [] },
    logging: { apiLogging: { enabled: false, obfuscateURLs: false, omitHealthChecks: false } },
    wasm: { strictSandbox: false },
    workflow: {
      maxConcurrentWorkflowInvocations: 0,
      maxConcurrentActivityInvocations: 0,
      globalMaxConcurrentWorkflowInvocations: 0,
      globalMaxConcurrentActivityInvocations: 0,
      workflowConcurrencyLimits: [],
      activityConcurrencyLimits: [],
    },
  },
};
