import type { GrpcPart } from "../api/grpc/part.ts";
import { createReflectionParts } from "../api/grpc/reflection.ts";
import { createGrpcServer } from "../api/grpc/server.ts";
import { bindingComponentGrpc } from "../blocks/component/bindings-grpc.ts";
import { createInstances, type Instances } from "../blocks/component/instances.ts";
import { pubsubComponentGrpc } from "../blocks/component/pubsub-grpc.ts";
import { secretsComponentGrpc } from "../blocks/component/secrets-grpc.ts";
import { stateComponentGrpc } from "../blocks/component/state-grpc.ts";
import { componentProperties } from "../config/component-properties.ts";
import type { Catalog, Category, Contracts, Driver } from "../driver/define.ts";
import { DriverError } from "../driver/errors.ts";
import { categoryOf, findDriver, lacking, openWithin, unknownDriver } from "../host/open.ts";
import { unknownProperties } from "../kit/schema/decode.ts";
import { suggest } from "../kit/suggest.ts";
import type { Platform } from "../platform/types.ts";
import { createStorages } from "../storage/storages.ts";
import type { Log } from "../telemetry/ports.ts";
import { driverContext } from "./components.ts";

export interface ComponentServerSettings {
  readonly platform: Platform;
  readonly catalog: Catalog;
  readonly log: Log;
  readonly type: string;
  readonly version: string;
  /** Metadata of every instance; that of a host wins. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Path of the unix socket. */
  readonly socket: string;
  /** Where embedded drivers keep their files when they are given no path. */
  readonly dataDir: string | undefined;
}

/** A built-in driver behind a socket, as hosts of pluggable components expect it. */
export interface ComponentServer {
  /** The gRPC services, by their full names. */
  readonly services: readonly string[];
  /** Refuses calls, ends streams, closes the instances and removes the socket. */
  close(): Promise<void>;
}

const openLimitMs = 20_000;
const closeLimitMs = 1000;
/** Hosts and components trust each other: only the frame format limits messages. */
const unlimited = 0x7fff_ffff;

type Served = "state" | "pubsub" | "bindings" | "secretstores";

function partsOf(driver: Driver, instances: Instances<Contracts[Category]>): readonly GrpcPart[] {
  const as = <C extends Served>(): Instances<Contracts[C]> => instances as Instances<Contracts[C]>;
  switch (driver.category) {
    case "state":
      return stateComponentGrpc(as<"state">());
    case "pubsub":
      return pubsubComponentGrpc(as<"pubsub">());
    case "bindings":
      return bindingComponentGrpc(as<"bindings">(), driver.directions ?? ["input", "output"]);
    case "secretstores":
      return secretsComponentGrpc(as<"secretstores">());
    default:
      throw new DriverError(
        "unsupported",
        `a component of type "${driver.type}" cannot be served: only state, pubsub, bindings and secretstores can`,
      );
  }
}

/** Serves a driver. Rejects with an Error that says what is wrong with the type, the host or the socket. */
export async function serveComponent(settings: ComponentServerSettings): Promise<ComponentServer> {
  const { platform, catalog, log, type, version, metadata, socket, dataDir } = settings;
  const { serveHttp2, files, clock, random } = platform;
  if (serveHttp2 === undefined || files === undefined)
    throw new DriverError("unsupported", `the ${platform.name} runtime cannot listen on a unix socket`);
  const category = categoryOf(type);
  const driver = category === undefined ? undefined : await findDriver(catalog, type, version);
  if (category === undefined || driver === undefined) {
    const words =
      category === undefined
        ? `there is no component type "${type}"`
        : unknownDriver(category, { name: type, type, version });
    throw new DriverError("unsupported", `${words}: the README lists the types of this build`);
  }
  const reason = lacking(driver, platform);
  if (reason !== undefined) throw new DriverError("unsupported", reason);

  for (const name of unknownProperties(driver.metadata, metadata.keys())) {
    if (name === "consumerID") continue;
    const near = suggest(name, Object.keys(driver.metadata));
    log.warn(`${type} does not know metadata "${name}"${near === undefined ? "" : `; did you mean "${near}"?`}`);
  }

  const storages = createStorages({ platform });
  const shared = { platform, catalog, storages, dataDir };
  const instances = createInstances(async (name, given) => {
    const appId = given["consumerID"] || name;
    const options = { appId, namespace: platform.env["NAMESPACE"] ?? "", podName: platform.env["POD_NAME"] ?? "" };
    const items = Object.entries({ ...Object.fromEntries(metadata), ...given });
    const properties = componentProperties(
      items.map(([item, value]) => ({ name: item, value, secretKeyRef: undefined, envRef: undefined })),
      { uuid: () => random.uuid(), ...options },
    );
    const opened = await openWithin(
      driver,
      properties,
      (signal) => driverContext({ shared, options, log, env: platform.env }, name, signal),
      { clock, timeoutMs: openLimitMs, name },
    );
    log.info(`instance ${JSON.stringify(name)} of ${driver.type} is ready`);
    return opened;
  });
  const parts = partsOf(driver, instances);
  const services = parts.map(({ service }) => service);
  const handler = createGrpcServer({
    parts: [...parts, ...createReflectionParts(services)],
    limits: { maxReceiveBytes: unlimited, maxSendBytes: unlimited },
    clock,
  });
  const folder = socket.slice(0, Math.max(0, socket.lastIndexOf("/")));
  if (folder !== "") await files.makeDirectory(folder);
  const listener = await serveHttp2({ host: "", port: 0, path: socket }, handler);
  return {
    services: services.map(({ typeName }) => typeName),
    async close() {
      await listener.close(closeLimitMs);
      await instances.close();
      await files.remove(socket).catch(() => undefined);
    },
  };
}
