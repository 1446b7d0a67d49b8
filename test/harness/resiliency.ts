import type { Resiliency } from "../../src/config/resource/resiliency.ts";

type Policies = Resiliency["policies"];

/** What a resource of a test says; the rest is empty. */
export interface ResiliencySpec {
  readonly timeouts?: Readonly<Record<string, string>>;
  readonly retries?: Readonly<Record<string, Partial<Policies["retries"][string]>>>;
  readonly circuitBreakers?: Readonly<Record<string, Partial<Policies["circuitBreakers"][string]>>>;
  readonly apps?: Readonly<Record<string, Partial<Resiliency["targets"]["apps"][string]>>>;
  readonly actors?: Readonly<Record<string, Partial<Resiliency["targets"]["actors"][string]>>>;
  readonly components?: Readonly<Record<string, { readonly inbound?: object; readonly outbound?: object }>>;
}

const names = { timeout: "", retry: "", circuitBreaker: "" };
const matching = { httpStatusCodes: "", gRPCStatusCodes: "" };
const retry = { policy: "", duration: "", maxInterval: "", matching };
const circuitBreaker = { maxRequests: 0, interval: "", timeout: "", trip: "" };

function each<T, R>(values: Readonly<Record<string, T>> | undefined, complete: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(values ?? {}).map(([name, value]) => [name, complete(value)]));
}

/** A resiliency resource as the configuration reads it, from `r.yaml:7` and namespace `ns`. */
export function resiliencyResource(name: string, spec: ResiliencySpec): Resiliency {
  const scope = { circuitBreakerCacheSize: 0, circuitBreakerScope: "" };
  return {
    kind: "Resiliency",
    name,
    namespace: "ns",
    scopes: [],
    source: { file: "r.yaml", line: 7 },
    policies: {
      timeouts: spec.timeouts ?? {},
      retries: each(spec.retries, (given) => ({ ...retry, ...given })),
      circuitBreakers: each(spec.circuitBreakers, (given) => ({ ...circuitBreaker, ...given })),
    },
    targets: {
      apps: each(spec.apps, (given) => ({ ...names, circuitBreakerCacheSize: 0, ...given })),
      actors: each(spec.actors, (given) => ({ ...names, ...scope, ...given })),
      components: each(spec.components, ({ inbound, outbound }) => ({
        inbound: { ...names, ...inbound },
        outbound: { ...names, ...outbound },
      })),
    },
  };
}
