import type { Clock } from "../../kit/clock.ts";
import type { Random } from "../../kit/random.ts";

/** One way to find apps, in the shape of a name resolution driver. */
export interface Resolver {
  resolve(
    request: {
      readonly appId: string;
      readonly namespace: string;
      readonly port: number;
      readonly data: Readonly<Record<string, string>>;
    },
    signal: AbortSignal,
  ): Promise<readonly string[]>;
  /** Addresses that are at hand; empty: `resolve` may know some. */
  known?(app: { readonly appId: string; readonly namespace: string }): readonly string[];
  /** An address did not answer. */
  unreachable?(appId: string, address: string): void;
}

export interface ResolveOptions {
  /** Asked in this order; the first that knows the app answers, and the last one's failure is the caller's. */
  readonly resolvers: readonly Resolver[];
  readonly clock: Clock;
  readonly random: Random;
  /** Port that resolvers of names without ports answer with: the internal port of peers. */
  readonly port: number;
}

/** Finds one address of an app to call. */
export interface PeerResolver {
  /** At once where the address is at hand; otherwise until the call's signal aborts. */
  resolve(
    app: { readonly appId: string; readonly namespace: string },
    call: { readonly signal: AbortSignal },
  ): string | Promise<string>;
  forget(app: { readonly appId: string; readonly namespace: string }, address: string): void;
}

/** How long several addresses of an app are kept; a single one is asked for each time, as its resolver may keep it better. */
const cacheMs = 20_000;
const emptyRetries = 5;
const emptyPauseMs = 100;

/** Looks apps up and picks among their addresses at random. */
export function createPeerResolver(options: ResolveOptions): PeerResolver {
  const { resolvers, clock, random, port } = options;
  const cache = new Map<string, { addresses: readonly string[]; readonly until: number }>();

  const ask = async (appId: string, namespace: string, signal: AbortSignal): Promise<readonly string[]> => {
    let failure: unknown;
    for (const resolver of resolvers) {
      try {
        const found = await resolver.resolve({ appId, namespace, port, data: {} }, signal);
        if (found.length > 0) return found;
        failure = undefined;
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
      }
    }
    if (failure !== undefined) throw failure;
    return [];
  };
  const pick = (addresses: readonly string[]): string =>
    addresses.length === 1
      ? (addresses[0] as string)
      : (addresses[Math.floor(random.fraction() * addresses.length)] as string);

  const find = async (appId: string, namespace: string, signal: AbortSignal): Promise<string> => {
    const key = `${namespace}/${appId}`;
    for (let tries = 0; ; tries++) {
      const addresses = await ask(appId, namespace, signal);
      if (addresses.length > 0) {
        if (addresses.length > 1) cache.set(key, { addresses, until: clock.monotonic() + cacheMs });
        return pick(addresses);
      }
      if (tries === emptyRetries) {
        throw new Error(`resolver returned empty address for app id ${namespace}/${appId}`);
      }
      await clock.sleep(emptyPauseMs, signal);
    }
  };

  return {
    resolve(app, call) {
      const { appId, namespace } = app;
      if (cache.size > 0) {
        const key = `${namespace}/${appId}`;
        const kept = cache.get(key);
        if (kept !== undefined) {
          if (kept.until > clock.monotonic()) return pick(kept.addresses);
          cache.delete(key);
        }
      }
      // Only the first is asked so: what another one has at hand comes behind its answer.
      const known = resolvers[0]?.known?.(app);
      // Several addresses are for the cache.
      return known?.length === 1 ? (known[0] as string) : find(appId, namespace, call.signal);
    },
    forget({ appId, namespace }, address) {
      cache.delete(`${namespace}/${appId}`);
      for (const resolver of resolvers) resolver.unreachable?.(appId, address);
    },
  };
}
