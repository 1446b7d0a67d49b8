import { createHealth, type Health } from "../blocks/metadata/health.ts";
import { createMetadata, type Metadata } from "../blocks/metadata/metadata.ts";
import type { SubscriptionFacts } from "../blocks/metadata/model.ts";
import { createShutdown, type Shutdown } from "../blocks/metadata/shutdown.ts";
import type { Resources } from "../config/load.ts";
import type { Options } from "../config/options.ts";
import type { Components } from "../host/components.ts";
import type { Clock } from "../kit/clock.ts";
import type { Log } from "../telemetry/ports.ts";
import type { SidecarControl } from "./open-sidecar.ts";
import type { Readiness } from "./readiness.ts";

export interface WiredMetadata {
  readonly metadata: Metadata;
  readonly health: Health;
  readonly shutdown: Shutdown;
}

export interface MetadataWiring {
  readonly options: Pick<Options, "appId" | "app">;
  readonly resources: Resources;
  readonly components: Components;
  readonly readiness: Pick<Readiness, "missing">;
  readonly outbound: { readonly isReady: boolean };
  readonly control: Pick<SidecarControl, "extended" | "shutdown" | "kill">;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  subscriptions(): readonly SubscriptionFacts[];
}

/** Joins the metadata block to what it reports. */
export function wireMetadata(wiring: MetadataWiring): WiredMetadata {
  const { options, resources, components, control, clock } = wiring;
  const { app } = options;
  const names = (list: readonly { readonly name: string }[]): readonly string[] => list.map((item) => item.name);
  control.extended.set("daprRuntimeVersion", wiring.version);
  return {
    metadata: createMetadata({
      appId: options.appId,
      runtimeVersion: wiring.version,
      app: {
        port: app.port,
        protocol: app.protocol,
        channelAddress: app.channelAddress,
        maxConcurrency: app.maxConcurrency,
        ...(app.health.enabled && {
          health: { ...app.health, path: app.protocol.startsWith("grpc") ? "" : app.health.path },
        }),
      },
      extended: control.extended,
      enabledFeatures: resources.configuration.features,
      components: () => components.list(),
      subscriptions: wiring.subscriptions,
      httpEndpoints: names(resources.httpEndpoints),
      mcpServers: names(resources.mcpServers),
      workflowAccessPolicies: names(resources.workflowAccessPolicies),
      resiliencies: names(resources.resiliencies),
    }),
    health: createHealth({
      appId: options.appId,
      missing: () => wiring.readiness.missing(),
      isOutboundReady: () => wiring.outbound.isReady,
    }),
    shutdown: createShutdown({
      after: (ms, wake) => clock.after(ms, wake),
      stop: () => control.shutdown(),
      exit: (code) => control.kill(code),
      log: wiring.log.scope("dapr.api"),
    }),
  };
}
