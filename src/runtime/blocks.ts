import { bindingsHttp } from "../blocks/bindings/http.ts";
import { metadataHttp } from "../blocks/metadata/http.ts";
import { pubsubHttp } from "../blocks/pubsub/http.ts";
import { secretsHttp } from "../blocks/secrets/http.ts";
import { stateHttp } from "../blocks/state/http.ts";
import type { AppMiddleware } from "../channel/app/http-app.ts";
import type { Resources } from "../config/load.ts";
import type { Options } from "../config/options.ts";
import type { Subscription } from "../config/resource/subscription.ts";
import type { LoadedComponent } from "../host/component.ts";
import type { Components } from "../host/components.ts";
import type { StreamHandler } from "../platform/types.ts";
import type { PolicyProvider } from "../resiliency/provider.ts";
import type { Log } from "../telemetry/ports.ts";
import { createAnswerCommit } from "./answered-transaction.ts";
import type { Faces } from "./apis.ts";
import type { App } from "./app.ts";
import { loadAppConfig } from "./app-config.ts";
import type { AppMeter } from "./app-meter.ts";
import type { NameResolution } from "./name-resolution.ts";
import type { SidecarControl } from "./open-sidecar.ts";
import { createOutboxRelay } from "./outbox-relay.ts";
import { createOutboxSettings } from "./outbox-settings.ts";
import type { Readiness } from "./readiness.ts";
import type { Shared } from "./shared.ts";
import type { Telemetry } from "./telemetry.ts";
import { wireSecrets, wireState } from "./wire.ts";
import { wireBindings } from "./wire-bindings.ts";
import { wireInvoke } from "./wire-invoke.ts";
import { wireMetadata } from "./wire-metadata.ts";
import { createAccompaniment } from "./wire-outbox.ts";
import { wirePubSub } from "./wire-pubsub.ts";

export interface BlocksPorts {
  readonly shared: Shared;
  readonly options: Options;
  readonly resources: Resources;
  readonly components: Components;
  readonly resiliency: PolicyProvider;
  readonly telemetry: Telemetry;
  readonly readiness: Readiness;
  readonly log: Log;
  readonly control: SidecarControl;
  readonly app: App;
  readonly names: NameResolution;
  /** Where others reach this host. */
  readonly host: string;
  readonly appPipeline: AppMiddleware | undefined;
  /** Absent: calls of the app are not counted. */
  readonly meter: AppMeter | undefined;
}

/** The blocks of one sidecar, joined to each other and to its components. */
export interface Blocks {
  readonly faces: Faces;
  readonly peer: StreamHandler;
  /** A component is ready: blocks take it up. Throws when its settings do not fit a block. */
  loaded(component: LoadedComponent): Promise<void>;
  /** A component is there now, or is not any more and about to close. */
  changed(component: LoadedComponent): Promise<void>;
  /** Replaces the subscriptions of the files. */
  declare(subscriptions: readonly Subscription[]): Promise<void>;
  /** All components are there. */
  open(): Promise<void>;
  /** All listeners are open. */
  announce(at: {
    readonly hostAddress: string;
    readonly internalPort: number;
    readonly httpPort: number;
  }): Promise<void>;
  appReady(signal: AbortSignal): Promise<void>;
  holdEvents(): Promise<void>;
  appUnhealthy(): Promise<void>;
  /** The other sidecars of the process do not find this one any more. */
  leave(): void;
  close(): Promise<void>;
}

/** Makes every block and joins them. */
export async function createBlocks(ports: BlocksPorts): Promise<Blocks> {
  const { shared, options, resources, components, log, app, names } = ports;
  const { platform } = shared;
  // compat: what stands before keys is the bare variable (pkg/components/state/state_config.go), before topics the current namespace
  const identity = { appId: options.appId, namespace: options.namespace, random: platform.random };
  const outboxes = createOutboxSettings(components);
  const outboxPorts = { appId: options.appId, namespace: options.currentNamespace, outboxes };
  const { clock, random } = platform;
  const accompaniment = createAccompaniment({ ...outboxPorts, pubsub: () => pubsub, clock, random });
  const state = wireState(components, identity, accompaniment);
  const secrets = wireSecrets(components, resources.configuration);
  const invoke = wireInvoke(ports);
  const { pubsub, ...events } = await wirePubSub({ ...ports, platform, commit: createAnswerCommit(state.state) });
  const outboxLog = log.scope("dapr.outbox");
  const relay = createOutboxRelay({ ...outboxPorts, pubsub, store: state.find, clock, log: outboxLog });
  let isRelaying = false;
  const bindings = await wireBindings({ ...ports, platform });
  const outbound = { isReady: false };
  const sidecar = wireMetadata({
    ...ports,
    outbound,
    version: shared.version,
    clock: platform.clock,
    subscriptions: () => pubsub.subscriptions.list(),
  });

  let withdraw = (): void => undefined;
  return {
    faces: {
      routes: [
        ...stateHttp(state.state),
        ...secretsHttp(secrets),
        ...pubsubHttp(pubsub),
        ...bindingsHttp(bindings),
        ...metadataHttp(sidecar),
      ],
      fallback: invoke.fallback,
      grpc: async () => {
        const [{ blockParts }, { part, unknown }] = await Promise.all([import("./grpc-faces.ts"), invoke.grpc()]);
        return { parts: [...blockParts({ state: state.state, secrets, pubsub, bindings, ...sidecar }), part], unknown };
      },
      health: { isServing: () => ports.readiness.missing().length === 0, watch: ports.readiness.watch },
    },
    peer: invoke.peer,
    async loaded(component) {
      if (component.category === "state") await state.loaded(component as LoadedComponent<"state">);
      if (component.category === "pubsub") events.loaded(component as LoadedComponent<"pubsub">);
    },
    async changed({ category, name }) {
      if (category === "pubsub") {
        await pubsub.subscriptions.reload(name);
        await relay.drop(name);
      }
      if (isRelaying && (category === "pubsub" || category === "state")) await relay.settle();
      if (category === "bindings") await bindings.inputs.reload(name);
    },
    declare: (subscriptions) => pubsub.subscriptions.declare(subscriptions),
    async open() {
      for (const { storeName } of resources.configuration.secretScopes) {
        if (components.find("secretstores", storeName) === undefined) {
          log.warn(`Secrets configuration added for '${storeName}', but no matching secret store was found`);
        }
      }
      await events.declare();
    },
    async announce(at) {
      const self = { appId: options.appId, namespace: options.currentNamespace };
      const { port } = options.app;
      names.announce({ ...self, ...at, ...(port > 0 && { appPort: port }) });
      withdraw = shared.sidecars.add({
        ...self,
        address: `${at.hostAddress}:${at.internalPort}`,
        accept: invoke.accept,
      });
      outbound.isReady = true;
    },
    async appReady(signal) {
      let isKnown = false;
      await app.start(async (isHealthy) => {
        if (!isHealthy) {
          await Promise.all([pubsub.subscriptions.pause(), bindings.inputs.pause()]);
          return;
        }
        if (!isKnown) {
          isKnown = true;
          await readAppConfig(ports, signal);
        }
        await Promise.all([pubsub.subscriptions.start(), bindings.inputs.start()]);
        isRelaying = true;
        await relay.settle();
      }, signal);
    },
    async holdEvents() {
      await Promise.all([pubsub.subscriptions.stop(), bindings.inputs.stop()]);
    },
    appUnhealthy: () => app.unhealthy(),
    leave: () => withdraw(),
    async close() {
      withdraw();
      await relay.stop();
      await invoke.close();
    },
  };
}

/** Asks the app for its configuration, unless it was told not to. */
async function readAppConfig({ options, app, log }: BlocksPorts, signal: AbortSignal): Promise<void> {
  if (options.disableInitEndpoints.includes("config")) {
    log.info("Skipping programmatic dapr configuration loading");
    return;
  }
  if (app.http === undefined) return;
  const { entities } = await loadAppConfig(app.http, options.appId, log, signal);
  if (entities.length === 0) return;
  log.warn(`actor types ${entities.join(", ")} have no effect: this version has no actors`);
}
