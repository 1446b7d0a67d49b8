import type { DriverContext } from "../driver/context.ts";
import type { Catalog, Category, Contracts, Driver } from "../driver/define.ts";
import type { Platform } from "../platform/types.ts";
import type { Log } from "../telemetry/ports.ts";

export interface PluggablePorts {
  readonly platform: Platform;
  /** Where components put their sockets, `<name>.<ext>`. */
  readonly folder: string;
  readonly log: Log;
}

const servicePackage = "dapr.proto.components.v1";

interface Socket {
  readonly name: string;
  readonly path: string;
}

type Properties = ReadonlyMap<string, string>;

/**
 * The types of component that are served over the sockets of a folder: each service found there becomes `<category>.<socket>`.
 * Empty, and nothing is loaded, when there is no such folder. A socket that does not answer is left out with a warning.
 */
export async function discoverPluggable({ platform, folder, log }: PluggablePorts): Promise<Catalog> {
  const { connectHttp2: connect, clock } = platform;
  const sockets = connect === undefined ? [] : await socketsOf(platform, folder, log);
  if (connect === undefined || sockets.length === 0) return {};
  const { listServices } = await import("../channel/pluggable/discover.ts");
  const found = await Promise.all(
    sockets.map(async (socket) => {
      try {
        return driversOf(socket, new Set(await listServices(socket.path, { connect, clock })), log);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        log.warn(`pluggable component socket ${socket.path} is not used: unable to list services: ${reason}`);
        return [];
      }
    }),
  );
  return Object.fromEntries(
    found.flat().map((driver) => [driver.type.toLowerCase(), async () => ({ default: driver })]),
  );
}

async function socketsOf({ files }: Platform, folder: string, log: Log): Promise<readonly Socket[]> {
  if (files === undefined || (await files.stat(folder)) === null) return [];
  log.debug(`loading pluggable components under path ${folder}`);
  const sockets: Socket[] = [];
  for (const { name, kind } of await files.list(folder)) {
    const path = `${folder}/${name}`;
    if (kind === "other") sockets.push({ name: name.replace(/\.[^.]*$/, ""), path });
    else if (kind === "file") log.warn(`could not use socket for file ${path}`);
  }
  return sockets;
}

function driversOf({ name, path }: Socket, services: ReadonlySet<string>, log: Log): readonly Driver[] {
  const drivers: Driver[] = [];
  const offer = <C extends Category>(
    category: C,
    service: string,
    open: (properties: Properties, context: DriverContext) => Promise<Contracts[C]>,
  ): void => {
    const typeName = `${servicePackage}.${service}`;
    if (!services.has(typeName)) return;
    drivers.push({
      category,
      type: `${category}.${name}`,
      versions: ["v1"],
      aliases: [],
      status: "stable",
      summary: `Served over ${path}`,
      needs: [],
      metadata: {},
      open,
    });
    log.info(`pluggable component '${name}' was successfully registered for '${typeName}'`);
  };
  offer("state", "StateStore", async (properties, context) => {
    const { openStateStore } = await import("../channel/pluggable/state-store.ts");
    return openStateStore(path, services, properties, context);
  });
  offer("pubsub", "PubSub", async (properties, context) => {
    const { openPubSub } = await import("../channel/pluggable/pubsub.ts");
    return openPubSub(path, properties, context);
  });
  offer("secretstores", "SecretStore", async (properties, context) => {
    const { openSecretStore } = await import("../channel/pluggable/secret-store.ts");
    return openSecretStore(path, properties, context);
  });
  const binding = services.has(`${servicePackage}.InputBinding`) ? "InputBinding" : "OutputBinding";
  offer("bindings", binding, async (properties, context) => {
    const { openBinding } = await import("../channel/pluggable/binding.ts");
    return openBinding(path, services, properties, context);
  });
  return drivers;
}
