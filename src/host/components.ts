import type { DriverContext } from "../driver/context.ts";
import type { Catalog, Category, Contracts } from "../driver/define.ts";
import type { Clock } from "../kit/clock.ts";
import type { Platform } from "../platform/types.ts";
import type { Log } from "../telemetry/ports.ts";
import { capabilitiesOf } from "./capabilities.ts";
import { type ComponentResource, type LoadedComponent, logName } from "./component.ts";
import { InitError } from "./init-error.ts";
import { categoryNames, categoryOf, findDriver, lacking, openWithin } from "./open.ts";
import { resolveProperties } from "./properties.ts";

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
  /** Called when a component is ready and before it closes; blocks that subscribe or announce hang on it. */
  onLoaded?(component: LoadedComponent): void | Promise<void>;
}

/** The components of one sidecar, by name. */
export interface Components {
  /** Loads all: secret stores first, others when the secret store they name is there. Throws the first failure that may not be ignored. */
  loadAll(resources: readonly ComponentResource[]): Promise<void>;
  load(resource: ComponentResource): Promise<void>;
  find<C extends Category>(category: C, name: string): LoadedComponent<C> | undefined;
  list(): readonly LoadedComponent[];
  unload(name: string): Promise<void>;
  closeAll(): Promise<void>;
}

/** Makes the component table of one sidecar. */
export function createComponents(ports: ComponentsPorts): Components {
  const loaded = new Map<string, LoadedComponent>();
  const parked = new Map<string, ComponentResource[]>();
  const { log } = ports;

  function find<C extends Category>(category: C, name: string): LoadedComponent<C> | undefined {
    const found = loaded.get(name);
    return found?.category === category ? (found as LoadedComponent<C>) : undefined;
  }

  function expanded(entity: string, properties: Map<string, string>): Map<string, string> {
    try {
      return ports.expand(properties);
    } catch (error) {
      throw new InitError("init", entity, error instanceof Error ? error.message : String(error));
    }
  }

  async function open(resource: ComponentResource, category: Category, given: Map<string, string>): Promise<void> {
    const entity = logName(resource);
    const properties = expanded(entity, given);
    const driver = await findDriver(ports.catalog, resource.type, resource.version);
    if (driver === undefined) {
      throw new InitError(
        "creation",
        entity,
        `couldn't find ${categoryNames[category]} ${resource.type}/${resource.version}`,
      );
    }
    const reason = lacking(driver, ports.platform);
    if (reason !== undefined) throw new InitError("creation", entity, reason);
    const instance = await openWithin(driver, properties, (signal) => ports.context(resource, signal), {
      clock: ports.clock,
      timeoutMs: resource.initTimeoutMs,
      name: entity,
    }).catch((error: unknown) => {
      throw new InitError("init", entity, error instanceof Error ? error.message : String(error));
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
      throw error;
    }
    loaded.set(resource.name, component);
    ports.meter.initialized(resource.type);
  }

  async function load(resource: ComponentResource): Promise<void> {
    const entity = logName(resource);
    log.debug(`Loading component: ${entity}`);
    const category = categoryOf(resource.type);
    const resolution = await resolveProperties(resource, {
      env: ports.platform.env,
      secretStore: (name) => find("secretstores", name)?.instance,
      log,
      signal: new AbortController().signal,
    });
    if ("waitsFor" in resolution) {
      const waiting = parked.get(resolution.waitsFor) ?? [];
      parked.set(resolution.waitsFor, [...waiting, resource]);
      return;
    }
    if (category === undefined) throw new Error(`incorrect type ${resource.type}`);
    try {
      await open(resource, category, resolution.properties);
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
    if (category !== "secretstores") return;
    const dependents = parked.get(resource.name) ?? [];
    parked.delete(resource.name);
    for (const dependent of dependents) await load(dependent);
  }

  async function loadOrIgnore(resource: ComponentResource): Promise<void> {
    try {
      await load(resource);
    } catch (error) {
      const message = `process component ${resource.name} error: ${error instanceof Error ? error.message : String(error)}`;
      if (!resource.ignoreErrors) {
        log.warn(`Error processing component, daprd will exit gracefully: ${message}`);
        throw new Error(message, { cause: error });
      }
      log.error(`Ignoring error processing component: ${message}`);
    }
  }

  async function close(component: LoadedComponent): Promise<void> {
    log.info(`Shutting down component ${logName(component)}`);
    loaded.delete(component.name);
    try {
      await component.instance.close();
    } catch (error) {
      log.error(
        `error closing component ${logName(component)}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  return {
    async loadAll(resources) {
      const isSecretStore = (resource: ComponentResource): boolean => categoryOf(resource.type) === "secretstores";
      for (const resource of resources.filter(isSecretStore)) await loadOrIgnore(resource);
      const results = await Promise.allSettled(
        resources.filter((resource) => !isSecretStore(resource)).map(loadOrIgnore),
      );
      const failed = results.find((result) => result.status === "rejected");
      if (failed !== undefined) throw failed.reason;
      for (const [store, waiting] of parked) {
        for (const resource of waiting) {
          log.warn(
            `Component ${logName(resource)} is not loaded: it waits for the secret store "${store}", which is not among the components`,
          );
        }
      }
    },
    load,
    find,
    list: () => [...loaded.values()],
    async unload(name) {
      const component = loaded.get(name);
      if (component !== undefined) await close(component);
    },
    async closeAll() {
      await Promise.all([...loaded.values()].map(close));
    },
  };
}
