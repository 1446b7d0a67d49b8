import * as v from "valibot";
import { lazily } from "../../kit/lazily.ts";
import { block, field, mapOf } from "../schema-field.ts";
import { manifestFields, type ResourceMeta, type ResourceSourcePlace, resourceMeta } from "./manifest.ts";

export interface RetrySpec {
  readonly policy: string;
  readonly duration: string;
  readonly maxInterval: string;
  /** undefined: none is given, which means without end. */
  readonly maxRetries?: number | undefined;
  readonly matching: { readonly httpStatusCodes: string; readonly gRPCStatusCodes: string };
}
export interface CircuitBreakerSpec {
  readonly maxRequests: number;
  readonly interval: string;
  readonly timeout: string;
  /** A CEL expression over `requests`, `totalFailures`, `consecutiveFailures`, … */
  readonly trip: string;
}
/** Names of policies; empty means none. */
export interface PolicyNames {
  readonly timeout: string;
  readonly retry: string;
  readonly circuitBreaker: string;
}
export interface EndpointPolicyNames extends PolicyNames {
  readonly circuitBreakerCacheSize: number;
}
export interface ActorPolicyNames extends EndpointPolicyNames {
  readonly circuitBreakerScope: string;
}
/** Policies and their targets, as written: durations and expressions are read where they are used, as upstream does. */
export interface Resiliency extends ResourceMeta {
  readonly kind: "Resiliency";
  readonly policies: {
    readonly timeouts: Readonly<Record<string, string>>;
    readonly retries: Readonly<Record<string, RetrySpec>>;
    readonly circuitBreakers: Readonly<Record<string, CircuitBreakerSpec>>;
  };
  readonly targets: {
    readonly apps: Readonly<Record<string, EndpointPolicyNames>>;
    readonly actors: Readonly<Record<string, ActorPolicyNames>>;
    readonly components: Readonly<Record<string, { readonly inbound: PolicyNames; readonly outbound: PolicyNames }>>;
  };
}

const names = () => ({ timeout: field.text(), retry: field.text(), circuitBreaker: field.text() });

export const resiliencySchema = lazily(() =>
  v.object({
    ...manifestFields(),
    spec: block({
      policies: block({
        timeouts: field.textMap(),
        retries: mapOf(
          block({
            policy: field.text(),
            duration: field.text(),
            maxInterval: field.text(),
            maxRetries: field.maybeInteger(),
            matching: block({ httpStatusCodes: field.text(), gRPCStatusCodes: field.text() }),
          }),
        ),
        circuitBreakers: mapOf(
          block({
            maxRequests: field.integer(),
            interval: field.text(),
            timeout: field.text(),
            trip: field.text(),
          }),
        ),
      }),
      targets: block({
        apps: mapOf(block({ ...names(), circuitBreakerCacheSize: field.integer() })),
        actors: mapOf(
          block({ ...names(), circuitBreakerScope: field.text(), circuitBreakerCacheSize: field.integer() }),
        ),
        components: mapOf(block({ inbound: block(names()), outbound: block(names()) })),
      }),
    }),
  }),
);

/** A resiliency resource from its decoded manifest. */
export function resiliencyFrom(
  manifest: v.InferOutput<ReturnType<typeof resiliencySchema>>,
  source: ResourceSourcePlace,
): Resiliency {
  const { policies, targets } = manifest.spec;
  return { kind: "Resiliency", ...resourceMeta(manifest, source), policies, targets };
}
