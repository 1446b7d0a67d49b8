import { sidecarEnvironment } from "../config/options.ts";
import { isComponentDenied } from "../config/resource/component.ts";
import { type Cleanup, createCleanup } from "../kit/cleanup.ts";
import type { StreamHandler } from "../platform/types.ts";
import { createPolicyProvider } from "../resiliency/provider.ts";
import { createMetricsHandler } from "../telemetry/metrics-listener.ts";
import { createResiliencyMetrics } from "../telemetry/resiliency-metrics.ts";
import { createApis } from "./apis.ts";
import { createApp } from "./app.ts";
import { createAppMeter } from "./app-meter.ts";
import { createBlocks } from "./blocks.ts";
import { createSidecarComponents, driverContext } from "./components.ts";
import { holdStorage } from "./hold-storage.ts";
import { hostAddress, isLoopbackOnly } from "./host-address.ts";
import { listenGrpc, listenHttp, maxMessageBytes, placesOf } from "./listen.ts";
import { createListeners, type Listeners } from "./listeners.ts";
import { allowedComponents, readResources, unenforceable } from "./load-resources.ts";
import { openNameResolution } from "./name-resolution.ts";
import { createAppPipeline, createServerPipeline, pipelineSteps, warnOfMissing } from "./pipeline.ts";
import { discoverPluggable } from "./pluggable.ts";
import { createReadiness } from "./readiness.ts";
import { createReload } from "./reload.ts";
import { createComponentReload } from "./reload-components.ts";
import { createSubscriptionReload } from "./reload-subscriptions.ts";
import type { Shared } from "./shared.ts";
import type { SidecarSettings } from "./sidecar.ts";
import { createTelemetry } from "./telemetry.ts";

/** Where a sidecar listens. */
export interface SidecarAddresses {
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly internalPort: number;
  /** Host and port that peers use. */
  readonly internalAddress: string;
  /** 0: no metrics listener. */
  readonly metricsPort: number;
}

/** A sidecar whose listeners are open. */
export interface OpenSidecar {
  readonly addresses: SidecarAddresses;
  /** Resolves when the app accepts connections (at once without an app). */
  appReady(): Promise<void>;
  /** The last step: the sidecar is ready. */
  initialized(): void;
  holdEvents(): Promise<void>;
  appUnhealthy(): Promise<void>;
  /** After `cutMs` open requests are cut; without, calls of gRPC are waited for, those of HTTP for 10 s. */
  close(cutMs?: number): Promise<void>;
}

export interface SidecarControl {
  /** Aborts when the sidecar is to stop, also while it opens. */
  readonly signal: AbortSignal;
  readonly extended: Map<string, string>;
  /** The shutdown API: no blocking period. */
  shutdown(): void;
  /** Ends at once with an exit code. */
  kill(code: number): void;
  /** Closes and opens the sidecar anew; answers whether that is going to happen. */
  restart(): Promise<boolean>;
  /** Ends the sidecar because of an error. */
  fail(error: Error): void;
}
/** What upstream tolerates beyond its read buffer. */
const headerSlack = 4096;

/** Brings one sidecar up; what was opened is closed in reverse when a later step fails. */
export async function openSidecar(
  shared: Shared,
  settings: SidecarSettings,
  control: SidecarControl,
): Promise<OpenSidecar> {
  const opening = createCleanup();
  const listeners = createListeners();
  try {
    return await openSteps(shared, settings, control, { opening, listeners });
  } catch (error) {
    await listeners.close(0);
    await opening.run();
    throw error;
  }
}

async function openSteps(
  shared: Shared,
  { options, source, log, components: change = async (found) => found }: SidecarSettings,
  control: SidecarControl,
  { opening, listeners }: { readonly opening: Cleanup; readonly listeners: Listeners },
): Promise<OpenSidecar> {
  const { platform } = shared;
  if (options.mode === "kubernetes")
    throw new Error("mode kubernetes is not served by this version, use --mode standalone");
  if (options.enableMtls) throw new Error("--enable-mtls is not served by this version: start without it");
  log.info(`${options.mode} mode configured`);
  log.info(`app id: ${options.appId}`);
  const host = hostAddress(options, platform);
  const reload = createReload({
    source,
    clock: platform.clock,
    log: log.scope("dapr.runtime.hotreload"),
    intervalMs: options.hotReloadIntervalMs,
  });
  opening.defer(() => reload.stop());

  const resources = await readResources(source, log);
  const { configuration } = resources;
  const refusal = unenforceable(resources, shared.catalog);
  if (refusal !== undefined) throw new Error(refusal);
  const releaseStorage = await holdStorage(shared, resources.components);
  opening.defer(releaseStorage);
  const telemetry = createTelemetry({ options, configuration, platform, version: shared.version, log });
  opening.defer(() => telemetry.close());
  log.info(`metric spec: ${configuration.metrics.specText}`);
  const resiliency = await createPolicyProvider(resources.resiliencies, {
    clock: platform.clock,
    random: platform.random,
    log,
    meter: createResiliencyMetrics(telemetry.registry),
  });
  const readiness = createReadiness();
  const runtimeReady = readiness.target("runtime");

  let metricsPort = 0;
  if (options.metrics.enabled && configuration.metrics.enabled) {
    const handler = createMetricsHandler(telemetry.registry, () => telemetry.process?.refresh() ?? Promise.resolve());
    const places = placesOf([options.metrics.listenAddress], options.metrics.port);
    metricsPort = listeners.add("metrics", await listenHttp(platform, log, "metrics", places, handler)).port;
    log.info(`metrics server started on ${options.metrics.listenAddress}:${metricsPort}/`);
  }

  // The peer port is bound before components open, because they may announce it; its handler comes with the blocks.
  let peer: StreamHandler = (stream) => {
    stream.respond({ ":status": "200", "content-type": "application/grpc", "grpc-status": "14" });
    stream.end();
  };
  const peerPlaces = placesOf([options.internalListenAddress], options.internalGrpcPort);
  const internal = listeners.add(
    "grpc",
    await listenGrpc(platform, log, "internal gRPC", peerPlaces, (stream) => peer(stream)),
  );
  log.info(`Internal gRPC server is running on ${options.internalListenAddress}:${internal.port}`);
  const peerHost = isLoopbackOnly([options.internalListenAddress]) ? "127.0.0.1" : host;

  const ports = { httpPort: options.httpPort, grpcPort: options.grpcPort, internalGrpcPort: internal.port };
  const env = { ...platform.env, ...sidecarEnvironment(options, { ...ports, hostAddress: host }) };
  const plugged = await discoverPluggable({ platform, folder: options.componentsSocketsFolder, log });
  const components = createSidecarComponents({
    shared: { ...shared, catalog: { ...shared.catalog, ...plugged } },
    options,
    telemetry,
    resiliency,
    log,
    env,
    onLoaded: (component) => blocks.loaded(component),
    onChanged: (component) => blocks.changed(component),
  });
  opening.defer(() => components.closeAll());
  const serverSteps = pipelineSteps(configuration.httpPipeline, components);
  const appSteps = pipelineSteps(configuration.appHttpPipeline, components);
  const appPipeline = appSteps && createAppPipeline(appSteps);
  const isMeasured = options.metrics.enabled && configuration.metrics.enabled;
  const meter = isMeasured ? createAppMeter(telemetry) : undefined;
  const app = await createApp({ platform, options, log, pipeline: appPipeline, meter });
  opening.defer(() => app.close());
  const names = openNameResolution({
    shared,
    options,
    configuration,
    log,
    failed: (component, reason) => telemetry.components.initFailed("nameResolution", reason, component),
    context: (name, signal) => driverContext({ shared, options, log, env }, name, signal),
  });
  opening.defer(() => names.close());
  const blocks = await createBlocks({
    shared,
    options,
    resources,
    components,
    resiliency,
    telemetry,
    readiness,
    log,
    control,
    app,
    names,
    host,
    appPipeline,
    meter,
  });
  opening.defer(() => blocks.close());
  const found = await change(resources.components);
  await components.loadAll(allowedComponents(found, configuration, log));
  await releaseStorage();
  warnOfMissing([...configuration.httpPipeline, ...configuration.appHttpPipeline], components, log);
  control.signal.throwIfAborted();
  await blocks.open();

  const pipeline = serverSteps && createServerPipeline(serverSteps);
  const apis = createApis({ platform, options, configuration, telemetry, log, faces: blocks.faces, pipeline });
  peer = blocks.peer;
  const socket = (name: string) =>
    options.unixDomainSocket === "" ? undefined : `${options.unixDomainSocket}/dapr-${options.appId}-${name}.socket`;
  const grpcPlaces = placesOf(options.listenAddresses, options.grpcPort, socket("grpc"));
  const grpcPort = listeners.add("grpc", await listenGrpc(platform, log, "the gRPC API", grpcPlaces, apis.grpc)).port;
  log.info(`API gRPC server is running on port ${grpcPort}`);
  // portable: Deno's own limit holds there.
  const maxHeaderBytes = options.readBufferSize + headerSlack;
  const httpPlaces = placesOf(options.listenAddresses, options.httpPort, socket("http")).map((place) => ({
    ...place,
    maxMessageBytes: maxMessageBytes(options),
    maxHeaderBytes,
  }));
  if (options.publicPort !== null) {
    const places = placesOf([options.publicListenAddress], options.publicPort).map((place) => ({
      ...place,
      maxHeaderBytes,
    }));
    listeners.add("http", await listenHttp(platform, log, "the public HTTP server", places, apis.public));
  }
  const httpPort = listeners.add("http", await listenHttp(platform, log, "the HTTP API", httpPlaces, apis.http)).port;
  log.info(`HTTP server is running on port ${httpPort}`);
  const addresses = {
    httpPort,
    grpcPort,
    internalPort: internal.port,
    internalAddress: `${peerHost}:${internal.port}`,
    metricsPort,
  };
  await blocks.announce({ hostAddress: peerHost, internalPort: internal.port, httpPort });
  control.signal.throwIfAborted();

  if (configuration.features.includes("HotReload")) {
    const reloadLog = log.scope("dapr.runtime.hotreload.reconciler");
    reload.begin({
      loaded: resources,
      folders: options.resourcesPaths,
      components: createComponentReload({
        components,
        initial: resources.components,
        change,
        isDenied: (component) => isComponentDenied(component, configuration.deniedComponents),
        log: reloadLog,
      }),
      subscriptions: createSubscriptionReload({
        initial: resources.subscriptions,
        declare: (subscriptions) => blocks.declare(subscriptions),
        log: reloadLog,
      }),
      restart: () => control.restart(),
      fail: (error) => control.fail(error),
    });
  } else {
    log.debug("Hot reloading disabled");
    await reload.stop();
  }

  return {
    addresses,
    appReady: () => blocks.appReady(control.signal),
    initialized: () => runtimeReady(true),
    holdEvents: () => blocks.holdEvents(),
    appUnhealthy: () => blocks.appUnhealthy(),
    async close(cutMs) {
      await reload.stop();
      // Events first: what an app does with those in flight may need the APIs. Then calls, which need all the rest.
      await blocks.holdEvents();
      blocks.leave();
      await listeners.close(cutMs);
      // Calls of the other sidecars of this process come without a listener.
      await app.drain(cutMs);
      await opening.run();
    },
  };
}
