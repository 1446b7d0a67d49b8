import type { Configuration } from "../config/configuration.ts";
import type { Options } from "../config/options.ts";
import type { DriverContext } from "../driver/context.ts";
import type { Announcement, NameResolver, ResolveRequest } from "../driver/nameresolution.ts";
import { findDriver } from "../host/open.ts";
import type { Clock } from "../kit/clock.ts";
import type { AppRegistry } from "../registry/app-registry.ts";
import type { Log } from "../telemetry/ports.ts";
import type { Shared } from "./shared.ts";

/** How a sidecar finds the sidecars of other processes, and is found. */
export interface NameResolution {
  /** In the order in which they are asked. */
  readonly resolvers: readonly Pick<NameResolver, "resolve">[];
  /** Makes this sidecar known, a moment later. */
  announce(self: Announcement): void;
  close(): Promise<void>;
}

export interface NameResolutionPorts {
  readonly shared: Shared;
  readonly options: Options;
  readonly configuration: Configuration;
  readonly log: Log;
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

/** Metadata of a resolver from the free-form `configuration` of a Configuration resource. */
function propertiesOf(configuration: unknown): Map<string, string> {
  if (typeof configuration !== "object" || configuration === null) return new Map();
  return new Map(
    Object.entries(configuration).map(([key, value]) => [
      key,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
}

/** What the configuration names (mDNS by default), opened once the listeners are; behind a registry it opens with the first look-up that the registry cannot answer. */
export function openNameResolution(ports: NameResolutionPorts): NameResolution {
  const { shared, configuration, log } = ports;
  const chosen = configuration.nameResolution;
  const component = chosen?.component === undefined || chosen.component === "" ? "mdns" : chosen.component;
  const type = component.startsWith("nameresolution.") ? component : `nameresolution.${component}`;
  const stopped = new AbortController();

  async function openDriver(): Promise<NameResolver> {
    const version = chosen?.version === undefined || chosen.version === "" ? "v1" : chosen.version;
    const driver = await findDriver(shared.catalog, type, version);
    if (driver === undefined) throw new Error(`couldn't find name resolver ${type}/${version}`);
    const context = ports.context(type, stopped.signal);
    return (await driver.open(propertiesOf(chosen?.configuration), context)) as NameResolver;
  }

  let opening: Promise<NameResolver> | undefined;
  const opened = (): Promise<NameResolver> => {
    opening ??= openDriver();
    return opening;
  };
  const withdrawals: (() => Promise<void>)[] = [];
  const { registry, platform } = shared;
  const opensEarly = registry === undefined || chosen !== null;

  async function register(self: Announcement): Promise<void> {
    try {
      const resolver = await opened();
      log.info(`Initialized name resolution to ${component}`);
      const withdraw = await resolver.register?.(self);
      if (withdraw !== undefined) withdrawals.push(withdraw);
    } catch (error) {
      // compat: pkg/runtime/runtime.go only logs a resolver that does not come up.
      if (!stopped.signal.aborted) log.error(error instanceof Error ? error.message : String(error));
    }
  }

  let registering: Promise<void> = Promise.resolve();
  let cancel = (): void => undefined;
  return {
    resolvers: [
      ...(registry === undefined ? [] : [registryResolver(registry, platform.clock)]),
      { resolve: async (request, signal) => (await opened()).resolve(request, signal) },
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
      await Promise.all(withdrawals.map((withdraw) => withdraw()));
      const resolver = await opening?.catch(() => undefined);
      await resolver?.close();
    },
  };
}
