import { componentProperties } from "../config/component-properties.ts";
import type { Options } from "../config/options.ts";
import type { DriverContext } from "../driver/context.ts";
import type { ComponentResource, LoadedComponent } from "../host/component.ts";
import { type ComponentMeter, type Components, createComponents } from "../host/components.ts";
import type { PolicyProvider } from "../resiliency/provider.ts";
import type { Storage, StorageOpen } from "../storage/storage.ts";
import type { Log } from "../telemetry/ports.ts";
import { createGuard, type OperationMeter } from "./guard.ts";
import type { Shared } from "./shared.ts";

export interface SidecarComponentsPorts {
  readonly shared: Pick<Shared, "platform" | "catalog" | "storages" | "dataDir">;
  readonly options: Pick<Options, "appId" | "namespace" | "currentNamespace" | "podName">;
  readonly telemetry: { readonly components: ComponentMeter; readonly operations: OperationMeter };
  /** Absent: no policies. */
  readonly resiliency?: Pick<PolicyProvider, "outbound">;
  readonly log: Log;
  readonly env: Readonly<Record<string, string | undefined>>;
  onLoaded(component: LoadedComponent): Promise<void>;
  onChanged?(component: LoadedComponent): Promise<void>;
}

/** SQLite's names of its levels of synchronous. */
const syncNames: readonly string[] = ["off", "normal", "full", "extra"];

/** Opens an engine; at level debug the log tells how its running writer commits. */
async function openStorage(
  shared: SidecarComponentsPorts["shared"],
  log: Log,
  path: string,
  open?: StorageOpen,
): Promise<Storage> {
  const storage = await shared.storages.open(path, open);
  if (log.level === "debug") {
    const { journalMode, synchronous } = await storage.describe();
    log.debug(
      `storage "${storage.path}": journal_mode=${journalMode} synchronous=${syncNames[synchronous] ?? synchronous}`,
    );
  }
  return storage;
}

/** What a driver may use: the log and clock of its sidecar, the engines of the node. */
export function driverContext(
  {
    shared,
    options,
    log,
    env,
  }: Pick<SidecarComponentsPorts, "shared" | "log" | "env"> & {
    readonly options: Pick<Options, "appId" | "namespace">;
  },
  name: string,
  signal: AbortSignal,
): DriverContext {
  const { platform } = shared;
  return {
    name,
    appId: options.appId,
    namespace: options.namespace,
    log: log.scope("dapr.contrib"),
    signal,
    platform: { ...platform, env },
    clock: platform.clock,
    random: platform.random,
    storage: (path, open) => openStorage(shared, log, path, open),
    ...(shared.dataDir !== undefined && { dataDir: shared.dataDir }),
  };
}

/** The component table of one sidecar, with its templates, guards and meters. */
export function createSidecarComponents(ports: SidecarComponentsPorts): Components {
  const { shared, options, telemetry, log, env } = ports;
  return createComponents({
    catalog: shared.catalog,
    platform: { ...shared.platform, env },
    clock: shared.platform.clock,
    log: log.scope("dapr.runtime.processor"),
    meter: telemetry.components,
    context: ({ name, version }: ComponentResource, signal) => ({ ...driverContext(ports, name, signal), version }),
    expand: (properties) =>
      componentProperties(
        [...properties].map(([name, value]) => ({ name, value, secretKeyRef: undefined, envRef: undefined })),
        {
          uuid: () => shared.platform.random.uuid(),
          podName: options.podName,
          namespace: options.currentNamespace,
          appId: options.appId,
        },
      ),
    guard: createGuard(shared.platform.clock, telemetry.operations, ports.resiliency),
    onLoaded: ports.onLoaded,
    ...(ports.onChanged !== undefined && { onChanged: ports.onChanged }),
  });
}
