import * as v from "valibot";
import { lazily } from "../../kit/lazily.ts";
import { block, fault, field, list, maybeBlock } from "../schema-field.ts";
import { manifestFields } from "./manifest.ts";

const handlers = () =>
  maybeBlock({
    handlers: list(
      v.object({
        name: field.text(),
        type: field.text(),
        version: field.text(),
        selector: block({ fields: list(v.object({ field: field.text(), value: field.text() })) }),
      }),
    ),
  });

const metrics = () =>
  maybeBlock({
    enabled: field.maybeFlag(),
    recordErrorCodes: field.maybeFlag(),
    http: maybeBlock({
      increasedCardinality: field.maybeFlag(),
      pathMatching: v.optional(v.array(field.text())),
      excludeVerbs: field.maybeFlag(),
    }),
    latencyDistributionBuckets: v.optional(
      v.array(field.integer(), fault("a list of numbers", "write for example [5, 50, 500]")),
    ),
    workflow: maybeBlock({
      latencyDistributionBuckets: v.optional(v.array(field.integer())),
      latencyDistributionUnits: field.maybeText(),
    }),
    rules: v.optional(
      v.array(
        v.object({
          name: field.text(),
          labels: list(v.object({ name: field.text(), regex: field.textMap() })),
        }),
      ),
    ),
  });

/** compat: a configuration file lists OTLP headers as `name=value`, the CRD as named values; both are taken. */
const otelHeader = () =>
  v.pipe(
    v.union(
      [
        v.string(),
        v.object({ name: field.text(), value: field.dynamic(), secretKeyRef: field.free(), envRef: field.free() }),
      ],
      fault("a text such as name=value, or a block with name and value", "write name=value"),
    ),
    v.transform((found) => (typeof found === "string" ? found : `${found.name}=${found.value ?? ""}`)),
  );

const apiRules = () => list(v.object({ name: field.text(), version: field.text(), protocol: field.text() }));
const concurrency = () => list(v.object({ name: field.text(), maxConcurrent: field.integer() }));

/** A Configuration as files have it; several are merged before it is read, then `configurationFrom` gives it a usable shape. */
export const configurationSchema = lazily(() =>
  v.object({
    ...manifestFields(),
    spec: block({
      httpPipeline: handlers(),
      appHttpPipeline: handlers(),
      tracing: maybeBlock({
        samplingRate: field.text(),
        stdout: field.flag(),
        zipkin: maybeBlock({ endpointAddress: field.text() }),
        otel: maybeBlock({
          protocol: field.text(),
          endpointAddress: field.text(),
          isSecure: field.maybeFlag(),
          headers: list(otelHeader()),
          timeout: field.maybeDuration(),
        }),
      }),
      metric: metrics(),
      metrics: metrics(),
      mtls: block({
        enabled: field.flag(),
        workloadCertTTL: field.text(),
        allowedClockSkew: field.text(),
        sentryAddress: field.text(),
        controlPlaneTrustDomain: field.text(),
        tokenValidators: list(v.object({ name: field.text(), options: field.free() })),
      }),
      secrets: block({
        scopes: list(
          v.object({
            storeName: field.text(),
            defaultAccess: field.text(),
            allowedSecrets: field.texts(),
            deniedSecrets: field.texts(),
          }),
        ),
      }),
      accessControl: maybeBlock({
        defaultAction: field.text(),
        trustDomain: field.text(),
        policies: list(
          v.object({
            appId: field.text(),
            defaultAction: field.text(),
            trustDomain: field.text(),
            namespace: field.text(),
            operations: list(v.object({ name: field.text(), httpVerb: field.texts(), action: field.text() })),
          }),
        ),
      }),
      nameResolution: maybeBlock({ component: field.text(), version: field.text(), configuration: field.free() }),
      features: list(v.object({ name: field.text(), enabled: field.flag() })),
      api: block({ allowed: apiRules(), denied: apiRules() }),
      components: block({ deny: field.texts() }),
      logging: block({
        apiLogging: block({
          enabled: field.flag(),
          obfuscateURLs: field.flag(),
          omitHealthChecks: field.flag(),
        }),
      }),
      wasm: block({ strictSandbox: field.flag() }),
      workflow: block({
        maxConcurrentWorkflowInvocations: field.integer(),
        maxConcurrentActivityInvocations: field.integer(),
        globalMaxConcurrentWorkflowInvocations: field.integer(),
        globalMaxConcurrentActivityInvocations: field.integer(),
        workflowConcurrencyLimits: concurrency(),
        activityConcurrencyLimits: concurrency(),
        stateRetentionPolicy: maybeBlock({
          anyTerminal: field.maybeDuration(),
          completed: field.maybeDuration(),
          failed: field.maybeDuration(),
          terminated: field.maybeDuration(),
        }),
      }),
    }),
  }),
);
/** The fields of a decoded Configuration. */
export type ConfigurationManifest = v.InferOutput<ReturnType<typeof configurationSchema>>;
