import type { MessageInitShape } from "@bufbuild/protobuf";
import { type GrpcPart, grpcPart } from "../../api/grpc/part.ts";
import { Dapr } from "../../gen/dapr/proto/runtime/v1/dapr_pb.ts";
import {
  ActorRuntime_ActorRuntimeStatus,
  type GetMetadataResponseSchema,
  PubsubSubscriptionType,
} from "../../gen/dapr/proto/runtime/v1/metadata_pb.ts";
import { formatDuration } from "../../kit/duration.ts";
import type { Metadata } from "./metadata.ts";
import type { AppConnection, SidecarFacts } from "./model.ts";
import { forceShutdownKey, type Shutdown } from "./shutdown.ts";

type Reply = MessageInitShape<typeof GetMetadataResponseSchema>;

/** The parts that the methods are for. */
export interface MetadataGrpcParts {
  readonly metadata: Metadata;
  readonly shutdown: Shutdown;
}

/** The metadata and shutdown methods of the Dapr service. */
export function metadataGrpc({ metadata, shutdown }: MetadataGrpcParts): GrpcPart {
  return grpcPart(Dapr, {
    getMetadata: () => reply(metadata.facts()),
    setMetadata({ key, value }) {
      metadata.setLabel(key, value);
      return {};
    },
    shutdown(_request, context) {
      shutdown(context.requestHeader.get(forceShutdownKey)?.toLowerCase() === "true");
      return {};
    },
  });
}

function reply(facts: SidecarFacts): Reply {
  const active = facts.actors.active.map((actor) => ({ ...actor }));
  return {
    id: facts.id,
    runtimeVersion: facts.runtimeVersion,
    enabledFeatures: [...facts.enabledFeatures],
    activeActorsCount: active,
    registeredComponents: facts.components.map((component) => ({
      ...component,
      capabilities: [...component.capabilities],
    })),
    extendedMetadata: { ...facts.extended },
    subscriptions: facts.subscriptions.map((subscription) => ({
      ...subscription,
      metadata: { ...subscription.metadata },
      rules: { rules: subscription.rules.map((rule) => ({ ...rule })) },
      type: PubsubSubscriptionType[subscription.type],
    })),
    httpEndpoints: named(facts.httpEndpoints),
    appConnectionProperties: appConnection(facts.app),
    actorRuntime: {
      runtimeStatus: ActorRuntime_ActorRuntimeStatus[facts.actors.status],
      activeActors: active,
      hostReady: facts.actors.hostReady,
      placement: facts.actors.placement,
    },
    mcpServers: named(facts.mcpServers),
    workflowAccessPolicies: named(facts.workflowAccessPolicies),
    resiliencies: named(facts.resiliencies),
    // compat: there even where no workflow can run
    workflows: {},
  };
}

function appConnection({ health, ...app }: AppConnection): NonNullable<Reply["appConnectionProperties"]> {
  if (health === undefined) return app;
  return {
    ...app,
    health: {
      healthCheckPath: health.path,
      healthProbeInterval: formatDuration(health.intervalMs),
      healthProbeTimeout: formatDuration(health.timeoutMs),
      healthThreshold: health.threshold,
    },
  };
}

function named(names: readonly string[]): { name: string }[] {
  return names.map((name) => ({ name }));
}
