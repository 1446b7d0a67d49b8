import type { Configuration } from "../config/configuration.ts";
import { nameResolverOf } from "../config/name-resolver-of.ts";
import type { Options } from "../config/options.ts";
import type { DriverContext } from "../driver/context.ts";
import type { Catalog, Driver } from "../driver/define.ts";
import type { Announcement, NameResolver, ResolveRequest } from "../driver/nameresolution.ts";
import { findDriver, lacking } from "../host/open.ts";
import type { Clock } from "../kit/clock.ts";
import type { Random } from "../kit/random.ts";
import { unknownProperties } from "../kit/schema/decode.ts";
import type { AppRegistry } from "../registry/app-registry.ts";
import type { Log } from "../telemetry/ports.ts";
import type { Shared } from "./shared.ts";

/** How a sidecar finds the sidecars of other processes, and is found. */
export interface NameResolution {
  /** In the order in which they are asked. */
  readonly resolvers: readonly Pick<NameResolver, "resolve" | "known" | "unreachable">[];
  /** Makes this sidecar known, a moment later. */
  announce(self: Announcement): void;
  close(): Promise<void>;
}

export interface NameResolutionPorts {
  readonly shared: Shared;
  readonly options: Options;
  readonly configuration: Configuration;
  readonly log: Log;
  /** Hears of a resolver that did not come up, for the metrics. */
  readonly failed?: (component: string, reason: "creation" | "init") => void;
  context(name: string, signal: AbortSignal): DriverContext;
}

/** How long a look-up in the registry of the data folder is believed. */
const registryCacheMs = 1000;
const announceAfterMs = 50;

/** Apps that other processes of the data folder announced. */
export function registryResolver(registry: AppRegistry, clock: Clock): Pick<NameResolver, "resolve"> {
  let kept: { readonly until: number; readonly records: ReturnType<AppRegistry["list"]> } | undefined;
  return {
    async resolve({ appId, namespace }: ResolveRequest) {
      if (kept === undefined || kept.until <= clock.monotonic()) {
        kept = { until: clock.monotonic() + registryCacheMs, records: registry.list() };
      }
      const records = await kept.records;
      const found = records
        .filter((record) => record.appId === appId && record.namespace === namespace)
        .map((record) => record.internalAddress);
      if (found.length === 0) kept = undefined;
      return found;
    },
  };
}

/** The driver of a type, of which another may be the name. */
async function findResolver(catalog: Catalog, type: string, version: string): Promise<Driver | undefined> {
  const found = await findDriver(catalog, type, version);
  if (found !== undefined) return found;
  for (const known of Object.keys(catalog).filter((name) => name.startsWith("nameresolution."))) {
    const driver = await findDriver(catalog, known, version);
    if (driver?.aliases.includes(type)) return driver;
  }
  return undefined;
}

/** compat: a resolver that knows each address at once is asked for every call, and one of its addresses is taken. */
async function resolveWith(
  resolver: NameResolver,
  request: ResolveRequest,
  random: Random,
  signal: AbortSignal,
): Promise<readonly string[]> {
  return oneOf(resolver, await resolver.resolve(request, signal), random);
}

function oneOf(resolver: NameResolver, found: readonly string[], random: Random): readonly string[] {
  if (resolver.isFresh !== true || found.length < 2) return found;
  return found.slice(Math.floor(random.fraction() * found.length)).slice(0, 1);
}

/** What the configuration names (mDNS by default), opened once the listeners are; behind a registry it opens with the first look-up that the registry cannot answer. */
export function openNameResolution(ports: NameResolutionPorts): NameResolution {
  const { shared, configuration, log } = ports;
  const chosen = configuration.nameResolution;
  const component = chosen?.component === undefined || chosen.component === "" ? "mdns" : chosen.component;
  const version = chosen?.version === undefined || chosen.version === "" ? "v1" : chosen.version;
  const { type, configuration: properties } = nameResolverOf(component, chosen?.configuration);
  const stopped = new AbortController();

  async function openDriver(): Promise<NameResolver> {
    const driver = await findResolver(shared.catalog, type, version);
    if (driver === undefined) {
      const known = Object.keys(shared.catalog).filter((name) => name.startsWith("nameresolution."));
      const names = known.map((name) => name.slice("nameresolution.".length)).join(", ");
      throw new Error(`couldn't find name resolver ${component}/${version}; known: ${names}`);
    }
    const lack = lacking(driver, shared.platform);
    if (lack !== undefined) throw new Error(lack);
    for (const name of unknownProperties(driver.metadata, properties.keys())) {
      log.warn(`nameResolution: ${component} does not know ${JSON.stringify(name)}`);
    }
    return (await driver.open(properties, ports.context(type, stopped.signal))) as NameResolver;
  }

  let opening: Promise<NameResolver> | undefined;
  let ready: NameResolver | undefined;
  const opened = (): Promise<NameResolver> => {
    // A registry that was away for a moment may be asked again.
    opening ??= openDriver().then(
      (resolver) => (ready = resolver),
      (error: unknown) => {
        opening = undefined;
        throw error;
      },
    );
    return opening;
  };
  const withdrawals: (() => Promise<void>)[] = [];
  const { registry, platform } = shared;
  const opensEarly = registry === undefined || chosen !== null;

  async function register(self: Announcement): Promise<void> {
    try {
      const resolver = await opened();
      const withdraw = await resolver.register?.(self);
      if (withdraw !== undefined) withdrawals.push(withdraw);
      log.info(`Initialized name resolution to ${component}`);
    } catch (error) {
      // compat: pkg/runtime/runtime.go only logs a resolver that does not come up.
      if (stopped.signal.aborted) return;
      const why = error instanceof Error ? error.message : String(error);
      const isUnknown = why.startsWith("couldn't find name resolver");
      const code = isUnknown ? "CREATE_COMPONENT_FAILURE" : "INIT_COMPONENT_FAILURE";
      ports.failed?.(component, isUnknown ? "creation" : "init");
      log.error(`[${code}]: initialization error occurred for nr (${component}/${version}): ${why}`);
    }
  }

  let registering: Promise<void> = Promise.resolve();
  let cancel = (): void => undefined;
  return {
    resolvers: [
      ...(registry === undefined ? [] : [registryResolver(registry, platform.clock)]),
      {
        known: (request) => (ready?.known === undefined ? [] : oneOf(ready, ready.known(request), platform.random)),
        resolve: async (request, signal) => resolveWith(await opened(), request, platform.random, signal),
        unreachable(appId, address) {
          opening?.then(
            (resolver) => resolver.unreachable?.(appId, address),
            () => undefined,
          );
        },
      },
    ],
    announce(self) {
      if (!opensEarly) return;
      // The listeners serve before the resolver comes up; a look-up that is earlier opens it at once.
      cancel = platform.clock.after(announceAfterMs, () => {
        registering = register(self);
      });
    },
    async close() {
      stopped.abort(new Error("the sidecar is shutting down"));
      cancel();
      await registering;
      const failures = await Promise.allSettled(withdrawals.map((withdraw) => withdraw()));
      for (const result of failures) if (result.status === "rejected") log.warn(String(result.reason));
      const resolver = await opening?.catch(() => undefined);
      await resolver?.close();
    },
  };
}
