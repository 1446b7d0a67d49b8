import type { PolicyNames, Resiliency } from "../config/resource/resiliency.ts";
import { goQuote } from "../kit/go-quote.ts";
import type { Policy } from "../kit/policy.ts";
import { Breaker, type BreakerSettings } from "./breaker.ts";
import { BreakerCache } from "./breaker-cache.ts";
import type { BuiltInName } from "./built-in.ts";
import { readDefinitions } from "./definitions.ts";
import { createPolicy, type PolicyPorts, type TargetMeter } from "./policy.ts";
import type { RetrySettings } from "./retry.ts";
import { actorLevels, appLevels, type ComponentKind, componentLevels, type Direction, defaultNames } from "./target.ts";

/** Counts for all policies of a sidecar. */
export interface ResiliencyMeter {
  loaded(name: string, namespace: string): void;
  /** The meter of one target, such as `app_orders`; name and namespace are those of the resource. */
  target(name: string, namespace: string, target: string, direction: Direction): TargetMeter;
}

export interface ResiliencyPorts extends PolicyPorts {
  readonly meter: ResiliencyMeter;
}

/** The policies of one sidecar by what they are for. Breakers live as long as it does. */
export interface PolicyProvider {
  /**
   * Around calls of an app, HTTP endpoint or URL; `key` tells what shares a breaker, such as `app:method`. Gives undefined where
   * nothing applies, and is absent when nothing applies to any.
   */
  readonly endpoint: ((app: string, key: string) => Policy | undefined) | undefined;
  /** True when resources name the app as a target: the built-in retries do not apply then. */
  hasEndpoint(app: string): boolean;
  /** Around the way to an actor: retries and breaker. */
  actorBeforeLock(type: string, id: string): Policy | undefined;
  /** Around the call of an actor that has its turn: the timeout. */
  actorAfterLock(type: string, id: string): Policy | undefined;
  hasActor(type: string): boolean;
  /** Around operations of a component. */
  outbound(component: string, kind: ComponentKind): Policy | undefined;
  /** Around what a component hands to the app. */
  inbound(component: string, kind: ComponentKind): Policy | undefined;
  /** Retries of the runtime's own, as resources may have changed them. */
  builtIn(name: BuiltInName): Policy;
}

/** Breakers of defaults are kept for so many targets: callers make up names. */
const defaultTargets = 1_000;
const defaultCacheSize = 100;

interface Resolved {
  readonly timeoutMs: number;
  readonly retry: RetrySettings | undefined;
  readonly breaker: BreakerSettings | undefined;
}

/** What is known of one app or actor type: its policies, meter and breakers. */
interface Target extends Resolved {
  readonly meter: TargetMeter;
  readonly breakers: BreakerCache<Breaker>;
}

/** Reads the resources and makes their policies. */
export async function createPolicyProvider(
  resiliencies: readonly Resiliency[],
  ports: ResiliencyPorts,
): Promise<PolicyProvider> {
  const { clock, log, meter } = ports;
  const defined = await readDefinitions(resiliencies, log, (name, namespace) => meter.loaded(name, namespace));
  const { apps, actors, components } = defined;

  const resolve = (names: PolicyNames | undefined): Resolved | undefined => {
    if (names === undefined) return undefined;
    const found = {
      timeoutMs: Math.max(0, defined.timeouts.get(names.timeout) ?? 0),
      retry: defined.retries.get(names.retry),
      breaker: defined.breakers.get(names.circuitBreaker),
    };
    return found.timeoutMs === 0 && found.retry === undefined && found.breaker === undefined ? undefined : found;
  };
  const meterOf = (target: string, direction: Direction) =>
    meter.target(defined.name, defined.namespace, target, direction);
  const newBreaker = (name: string, settings: BreakerSettings): Breaker =>
    new Breaker(name, settings, clock, (from, to) =>
      log.info(`Circuit breaker ${goQuote(name)} changed state from ${from} to ${to}`),
    );
  const policyOf = (name: string, target: Target, breakerKey: string): Policy => {
    const { timeoutMs, retry, meter } = target;
    const settings = target.breaker;
    const breaker =
      settings === undefined ? undefined : target.breakers.get(breakerKey, () => newBreaker(breakerKey, settings));
    return createPolicy({ name, timeoutMs, retry, breaker, meter }, ports);
  };

  /** Finds the target of a name among those of resources, else makes it of the default policies. */
  function targets(
    named: ReadonlyMap<string, PolicyNames & { readonly circuitBreakerCacheSize: number }>,
    levels: readonly string[],
    label: string,
  ): ((name: string) => Target | undefined) | undefined {
    const withMeter = (name: string, found: Resolved, cacheSize: number): Target => ({
      ...found,
      meter: meterOf(label + name, "outbound"),
      breakers: new BreakerCache<Breaker>(cacheSize),
    });
    const own = new Map<string, Target | undefined>();
    for (const [name, names] of named) {
      const found = resolve(names);
      own.set(name, found === undefined ? undefined : withMeter(name, found, names.circuitBreakerCacheSize));
    }
    const fallback = resolve(defaultNames(levels, defined));
    if (fallback === undefined) {
      const has = [...own.values()].some((target) => target !== undefined);
      return has ? (name) => own.get(name) : undefined;
    }
    const others = new BreakerCache<Target>(defaultTargets);
    return (name) =>
      own.has(name) ? own.get(name) : others.get(name, () => withMeter(name, fallback, defaultCacheSize));
  }

  const appOf = targets(apps, appLevels, "app_");
  const actorOf = targets(actors, actorLevels, "actor_");
  const componentBreakers = new Map<string, Breaker>();

  function component(name: string, kind: ComponentKind, direction: Direction): Policy | undefined {
    const own = components.get(name);
    const found = resolve(own === undefined ? defaultNames(componentLevels(kind, direction), defined) : own[direction]);
    if (found === undefined) return undefined;
    let breaker = componentBreakers.get(name);
    if (found.breaker === undefined) breaker = undefined;
    else if (breaker === undefined) {
      // compat: pkg/resiliency shares one breaker between both directions of a component.
      breaker = newBreaker(`${found.breaker.name}-${name}`, found.breaker);
      componentBreakers.set(name, breaker);
    }
    const label = `component[${name}] ${direction === "outbound" ? "output" : "input"}`;
    return createPolicy({ ...found, name: label, breaker, meter: meterOf(`${kind}_${name}`, direction) }, ports);
  }

  return {
    endpoint:
      appOf === undefined
        ? undefined
        : (app, key) => {
            const target = appOf(app);
            return target === undefined ? undefined : policyOf(`endpoint[${app}, ${key}]`, target, key);
          },
    hasEndpoint: (app) => apps.has(app),
    actorBeforeLock(type, id) {
      const target = actorOf?.(type);
      if (target === undefined || (target.retry === undefined && target.breaker === undefined)) return undefined;
      // compat: breakers of default policies are by type whatever their scope.
      const scope = actors.get(type)?.circuitBreakerScope ?? "type";
      return policyOf(`actor[${type}, ${id}]`, { ...target, timeoutMs: 0 }, scope === "type" ? type : `${type}-${id}`);
    },
    actorAfterLock(type, id) {
      const target = actorOf?.(type);
      if (target === undefined || target.timeoutMs === 0) return undefined;
      return policyOf(`actor[${type}, ${id}]`, { ...target, retry: undefined, breaker: undefined }, type);
    },
    hasActor: (type) => actors.has(type),
    outbound: (name, kind) => component(name, kind, "outbound"),
    inbound: (name, kind) => component(name, kind, "inbound"),
    builtIn: (name) =>
      createPolicy(
        { name, timeoutMs: 0, retry: defined.retries.get(name), breaker: undefined, meter: undefined },
        ports,
      ),
  };
}
