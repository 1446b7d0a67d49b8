import { componentLogName } from "../config/resource/component.ts";
import type { DriverContext } from "../driver/context.ts";
import type { Catalog, Category, Contracts } from "../driver/define.ts";
import type { Clock } from "../kit/clock.ts";
import type { Platform } from "../platform/types.ts";
import type { Log } from "../telemetry/ports.ts";
import { capabilitiesOf } from "./capabilities.ts";
import type { ComponentResource, LoadedComponent } from "./component.ts";
import { InitError } from "./init-error.ts";
import { categoryOf, findDriver, lacking, openFailure, openWithin, unknownDriver } from "./open.ts";
import { hasSameSecrets, resolveProperties } from "./properties.ts";

/** What happened to components, for the metrics. */
export interface ComponentMeter {
  loaded(): void;
  initialized(type: string): void;
  initFailed(type: string, reason: string, name: string): void;
}

export interface ComponentsPorts {
  readonly catalog: Catalog;
  readonly platform: Platform;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: ComponentMeter;
  context(resource: ComponentResource, signal: AbortSignal): DriverContext;
  /** Fills in the templates of metadata values, after secrets. Throws when one cannot be filled. */
  expand(properties: ReadonlyMap<string, string>): Map<string, string>;
  /** Puts policies and metrics around an instance. */
  guard<C extends Category>(category: C, resource: ComponentResource, instance: Contracts[C]): Contracts[C];
  /** A component is ready: the last moment to refuse it. */
  onLoaded?(component: LoadedComponent): void | Promise<void>;
  /** A component is in the table now, or is not any more and about to close; blocks that subscribe hang on it. Not called at the end of all. */
  onChanged?(component: LoadedComponent): void | Promise<void>;
}

/** The components of one sidecar, by name. */
export interface Components {
  /** Loads all: secret stores first, others when the secret store they name is there. Throws the first failure that may not be ignored. */
  loadAll(resources: readonly ComponentResource[]): Promise<void>;
  /**
   * Loads one more while the others work. Answers whether it is there, or waits for its secret store; false when it failed and may.
   * Throws when it failed and may not.
   */
  apply(resource: ComponentResource): Promise<boolean>;
  find<C extends Category>(category: C, name: string): LoadedComponent<C> | undefined;
  /** One that was taken out of the table and works until what hangs on it has come to its end. */
  findLeaving<C extends Category>(category: C, name: string): LoadedComponent<C> | undefined;
  list(): readonly LoadedComponent[];
  /** Whether it is there, or waits for its secret store. */
  has(name: string): boolean;
  /** Whether the secrets that a component names are those that it was loaded with, as far as its secret store can tell. */
  isCurrent(name: string): Promise<boolean>;
  /** Takes it out of the table, then closes it; one that waits for its secret store waits no more. */
  unload(name: string): Promise<void>;
  closeAll(): Promise<void>;
}

/** Makes the component table of one sidecar. */
export function createComponents(ports: ComponentsPorts): Components {
  const loaded = new Map<string, LoadedComponent>();
  const leaving = new Map<string, LoadedComponent>();
  /** Metadata with secrets, before templates were filled in. */
  const given = new Map<string, ReadonlyMap<string, string>>();
  /** By the secret store that they wait for, then by name. */
  const parked = new Map<string, Map<string, ComponentResource>>();
  const { log } = ports;

  function findIn<C extends Category>(
    table: ReadonlyMap<string, LoadedComponent>,
    category: C,
    name: string,
  ): LoadedComponent<C> | undefined {
    const found = table.get(name);
    return found?.category === category ? (found as LoadedComponent<C>) : undefined;
  }
  const find = <C extends Category>(category: C, name: string) => findIn(loaded, category, name);

  function expanded(entity: string, properties: Map<string, string>): Map<string, string> {
    try {
      return ports.expand(properties);
    } catch (error) {
      throw new InitError("init", entity, error instanceof Error ? error.message : String(error));
    }
  }

  async function open(
    resource: ComponentResource,
    category: Category,
    resolved: Map<string, string>,
  ): Promise<LoadedComponent> {
    const entity = componentLogName(resource);
    const properties = expanded(entity, resolved);
    const driver = await findDriver(ports.catalog, resource.type, resource.version);
    if (driver === undefined) {
      throw new InitError("creation", entity, unknownDriver(category, resource));
    }
    const reason = lacking(driver, ports.platform);
    if (reason !== undefined) throw new InitError("creation", entity, reason);
    const instance = await openWithin(driver, properties, (signal) => ports.context(resource, signal), {
      clock: ports.clock,
      timeoutMs: resource.initTimeoutMs,
      name: entity,
    }).catch((error: unknown) => {
      throw openFailure(category, resource, error instanceof Error ? error.message : String(error));
    });
    const component: LoadedComponent = {
      resource,
      name: resource.name,
      type: resource.type,
      version: resource.version,
      category,
      instance: ports.guard(category, resource, instance),
      capabilities: capabilitiesOf(category, instance, properties),
      properties,
    };
    try {
      await ports.onLoaded?.(component);
    } catch (error) {
      await instance.close();
      throw new InitError("init", entity, error instanceof Error ? error.message : String(error));
    }
    loaded.set(resource.name, component);
    given.set(resource.name, resolved);
    ports.meter.initialized(resource.type);
    return component;
  }

  /** Loads one, or parks it until its secret store is there. Answers what waited for it. */
  async function load(resource: ComponentResource): Promise<readonly ComponentResource[]> {
    const entity = componentLogName(resource);
    log.debug(`Loading component: ${entity}`);
    const category = categoryOf(resource.type);
    const resolution = await resolveProperties(resource, {
      env: ports.platform.env,
      secretStore: (name) => find("secretstores", name)?.instance,
      log,
      signal: new AbortController().signal,
    });
    if ("waitsFor" in resolution) {
      const waiting = parked.get(resolution.waitsFor) ?? new Map<string, ComponentResource>();
      parked.set(resolution.waitsFor, waiting.set(resource.name, resource));
      return [];
    }
    if (category === undefined) throw new Error(`incorrect type ${resource.type}`);
    let component: LoadedComponent;
    try {
      component = await open(resource, category, resolution.properties);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const stage = error instanceof InitError ? error.stage : "init";
      log.error(`Failed to init component ${entity}: ${message}`);
      ports.meter.initFailed(resource.type, stage, resource.name);
      // compat: upstream wraps the text a second time (pkg/runtime/processor/components.go), and tools match on it.
      throw new InitError("init", entity, message);
    }
    log.info(`Component loaded: ${entity}`);
    ports.meter.loaded();
    await ports.onChanged?.(component);
    if (category !== "secretstores") return [];
    const waiting = parked.get(resource.name) ?? new Map<string, ComponentResource>();
    parked.delete(resource.name);
    return [...waiting.values()];
  }

  async function apply(resource: ComponentResource): Promise<boolean> {
    if (resource.name === "") {
      // compat: pkg/runtime/processor/components.go leaves it out as well, without a word.
      log.warn(`Component of type "${resource.type}" is not loaded: it has no metadata.name`);
      return false;
    }
    let waiting: readonly ComponentResource[];
    try {
      waiting = await load(resource);
    } catch (error) {
      const message = `process component ${resource.name} error: ${error instanceof Error ? error.message : String(error)}`;
      if (!resource.ignoreErrors) {
        log.warn(`Error processing component, daprd will exit gracefully: ${message}`);
        throw new Error(message, { cause: error });
      }
      log.error(`Ignoring error processing component: ${message}`);
      return false;
    }
    for (const dependent of waiting) await apply(dependent);
    return true;
  }

  async function close(component: LoadedComponent): Promise<void> {
    log.info(`Shutting down component ${componentLogName(component)}`);
    try {
      await component.instance.close();
    } catch (error) {
      log.error(
        `error closing component ${componentLogName(component)}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  return {
    async loadAll(resources) {
      const isSecretStore = (resource: ComponentResource): boolean => categoryOf(resource.type) === "secretstores";
      for (const resource of resources.filter(isSecretStore)) await apply(resource);
      const results = await Promise.allSettled(resources.filter((resource) => !isSecretStore(resource)).map(apply));
      const failed = results.find((result) => result.status === "rejected");
      if (failed !== undefined) throw failed.reason;
      // They came up in any order; lists show them in that of their files, secret stores first.
      for (const { name } of resources.filter((resource) => !isSecretStore(resource))) {
        const component = loaded.get(name);
        if (component === undefined) continue;
        loaded.delete(name);
        loaded.set(name, component);
      }
      for (const [store, waiting] of parked) {
        for (const resource of waiting.values()) {
          log.warn(
            `Component ${componentLogName(resource)} is not loaded: it waits for the secret store "${store}", which is not among the components`,
          );
        }
      }
    },
    apply,
    find,
    findLeaving: (category, name) => findIn(leaving, category, name),
    list: () => [...loaded.values()],
    has: (name) => loaded.has(name) || [...parked.values()].some((waiting) => waiting.has(name)),
    async isCurrent(name) {
      const component = loaded.get(name);
      if (component === undefined) return true;
      const store = find("secretstores", component.resource.secretStore)?.instance;
      return store === undefined || hasSameSecrets(component.resource, given.get(name) ?? new Map(), store);
    },
    async unload(name) {
      for (const waiting of parked.values()) waiting.delete(name);
      const component = loaded.get(name);
      if (component === undefined) return;
      loaded.delete(name);
      leaving.set(name, component);
      try {
        await ports.onChanged?.(component);
      } finally {
        leaving.delete(name);
      }
      await close(component);
    },
    async closeAll() {
      const all = [...loaded.values()];
      loaded.clear();
      await Promise.all(all.map(close));
    },
  };
}
