import type { ActorPolicyNames, EndpointPolicyNames, PolicyNames, Resiliency } from "../config/resource/resiliency.ts";
import { type CelCompiler, type CelProgram, loadCel } from "../kit/cel.ts";
import { type BreakerSettings, readBreaker, tripVariables } from "./breaker.ts";
import { builtInRetries, overridden } from "./built-in.ts";
import { readDuration } from "./duration.ts";
import type { PolicyLog } from "./policy.ts";
import { type RetrySettings, readRetry } from "./retry.ts";

type ComponentNames = { readonly inbound: PolicyNames; readonly outbound: PolicyNames };

/** All resources of one sidecar, merged: of two definitions with one name the later counts. */
export interface Definitions {
  /** Of the last resource; metrics carry them. */
  readonly name: string;
  readonly namespace: string;
  /** Milliseconds. */
  readonly timeouts: ReadonlyMap<string, number>;
  readonly retries: ReadonlyMap<string, RetrySettings>;
  readonly breakers: ReadonlyMap<string, BreakerSettings>;
  readonly apps: ReadonlyMap<string, EndpointPolicyNames>;
  readonly actors: ReadonlyMap<string, ActorPolicyNames>;
  readonly components: ReadonlyMap<string, ComponentNames>;
}

/** Hears of each resource that was taken. */
export type Loaded = (name: string, namespace: string) => void;

const defaultAppCache = 100;
const defaultActorCache = 5_000;

/** Reads resources in their order. One with a fault is left out as a whole, and the log says why and where it stands. */
export async function readDefinitions(
  resiliencies: readonly Resiliency[],
  log: PolicyLog,
  loaded: Loaded,
): Promise<Definitions> {
  const usesCel = resiliencies.some(({ policies }) =>
    Object.values(policies.circuitBreakers).some(({ trip }) => trip !== ""),
  );
  const cel = usesCel ? await loadCel() : undefined;
  const merged = {
    name: "",
    namespace: "",
    timeouts: new Map<string, number>(),
    retries: builtInRetries(),
    breakers: new Map<string, BreakerSettings>(),
    apps: new Map<string, EndpointPolicyNames>(),
    actors: new Map<string, ActorPolicyNames>(),
    components: new Map<string, ComponentNames>(),
  };
  const add = <T>(to: Map<string, T>, from: readonly (readonly [string, T])[]): void => {
    for (const [name, value] of from) to.set(name, value);
  };
  for (const resiliency of resiliencies) {
    const { name, namespace, source } = resiliency;
    log.info(`Loading Resiliency configuration: ${name}`);
    try {
      const read = readOne(resiliency, cel, log);
      add(merged.timeouts, read.timeouts);
      add(merged.retries, read.retries);
      add(merged.breakers, read.breakers);
      add(merged.apps, read.apps);
      add(merged.actors, read.actors);
      add(merged.components, Object.entries(resiliency.targets.components));
      merged.name = name;
      merged.namespace = namespace;
      loaded(name, namespace);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      log.error(`Could not read resiliency policy ${name}: ${why} (${source.file}:${source.line})`);
    }
  }
  for (const sentence of undefinedNames(merged)) log.warn(sentence);
  return merged;
}

function readOne({ policies, targets }: Resiliency, cel: CelCompiler | undefined, log: PolicyLog) {
  const timeouts = Object.entries(policies.timeouts).map(([name, text]) => {
    try {
      return [name, readDuration(text)] as const;
    } catch (cause) {
      throw new Error(`invalid duration ${JSON.stringify(name)}, ${text}: ${(cause as Error).message}`, { cause });
    }
  });
  const retries = Object.entries(policies.retries).flatMap(([name, spec]) => {
    const retry = overridden(name, readRetry(name, spec), (message) => log.warn(message));
    return retry === undefined ? [] : [[name, retry] as const];
  });
  const breakers = Object.entries(policies.circuitBreakers).map(([name, spec]) => {
    const trip = cel === undefined || spec.trip === "" ? undefined : compileTrip(name, spec.trip, cel, log);
    return [name, readBreaker(name, spec, trip)] as const;
  });
  const apps = Object.entries(targets.apps).map(([app, names]) => {
    const circuitBreakerCacheSize = cacheSize(`app ${JSON.stringify(app)}`, names, defaultAppCache);
    return [app, { ...names, circuitBreakerCacheSize }] as const;
  });
  const actors = Object.entries(targets.actors).map(([type, names]) => {
    if (names.circuitBreaker !== "") checkScope(names.circuitBreakerScope);
    const circuitBreakerCacheSize = cacheSize(`actor ${JSON.stringify(type)}`, names, defaultActorCache);
    return [type, { ...names, circuitBreakerCacheSize }] as const;
  });
  return { timeouts, retries, breakers, apps, actors };
}

/** Compiles a trip expression and tries it, so that one that can never open its breaker is told of at the start. */
function compileTrip(name: string, expression: string, cel: CelCompiler, log: PolicyLog): CelProgram {
  let program: CelProgram;
  try {
    program = cel(expression);
  } catch (cause) {
    const why = `trip ${JSON.stringify(expression)}: ${firstLine(cause)}`;
    throw new Error(`invalid circuit breaker configuration ${JSON.stringify(name)}: ${why}`, { cause });
  }
  const never = `circuit breaker ${JSON.stringify(name)} will not open: its trip ${JSON.stringify(expression)}`;
  try {
    const counts = {
      requests: 1,
      totalSuccesses: 1,
      totalFailures: 1,
      consecutiveSuccesses: 1,
      consecutiveFailures: 1,
    };
    const value = program(tripVariables(counts));
    if (typeof value !== "boolean") log.warn(`${never} is neither true nor false`);
  } catch (error) {
    log.warn(`${never} cannot be evaluated: ${firstLine(error)}`);
  }
  return program;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0] ?? "";
}

function checkScope(scope: string): void {
  if (scope === "") throw new Error("actor circuit breakers must include scope");
  if (!["type", "id", "both"].includes(scope)) {
    throw new Error(`unknown circuit breaker scope ${JSON.stringify(scope)}`);
  }
}

function cacheSize(
  target: string,
  { circuitBreakerCacheSize: size }: { readonly circuitBreakerCacheSize: number },
  fallback: number,
): number {
  if (size < 0) throw new Error(`circuitBreakerCacheSize of ${target} must provide a positive size`);
  return size || fallback;
}

/** One sentence for each policy that a target names and nobody defines: the target goes without it. */
function undefinedNames({ timeouts, retries, breakers, apps, actors, components }: Definitions): string[] {
  const sentences: string[] = [];
  const check = (target: string, names: PolicyNames): void => {
    const say = (kind: string, name: string, known: ReadonlyMap<string, unknown>): void => {
      if (name === "" || known.has(name)) return;
      sentences.push(`${target} goes without its ${kind}: no resiliency policy is named ${JSON.stringify(name)}`);
    };
    say("timeout", names.timeout, timeouts);
    say("retry", names.retry, retries);
    say("circuit breaker", names.circuitBreaker, breakers);
  };
  for (const [app, names] of apps) check(`app ${JSON.stringify(app)}`, names);
  for (const [type, names] of actors) check(`actor ${JSON.stringify(type)}`, names);
  for (const [component, { inbound, outbound }] of components) {
    check(`component ${JSON.stringify(component)} (inbound)`, inbound);
    check(`component ${JSON.stringify(component)} (outbound)`, outbound);
  }
  return sentences;
}
