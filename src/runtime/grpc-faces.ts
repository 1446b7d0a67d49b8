import type { GrpcPart } from "../api/grpc/part.ts";
import type { Bindings } from "../blocks/bindings/bindings.ts";
import { bindingsGrpc } from "../blocks/bindings/grpc.ts";
import { type MetadataGrpcParts, metadataGrpc } from "../blocks/metadata/grpc.ts";
import { pubsubGrpc } from "../blocks/pubsub/grpc.ts";
import type { PubSub } from "../blocks/pubsub/pubsub.ts";
import { secretsGrpc } from "../blocks/secrets/grpc.ts";
import type { Secrets } from "../blocks/secrets/secrets.ts";
import { stateGrpc } from "../blocks/state/grpc.ts";
import type { State } from "../blocks/state/state.ts";

/** The blocks that have RPCs. */
export interface GrpcBlocks extends MetadataGrpcParts {
  readonly state: State;
  readonly secrets: Secrets;
  readonly pubsub: PubSub;
  readonly bindings: Bindings;
}

/** The RPCs of all blocks. Loaded lazily: generated code is the largest part of the program in memory. */
export function blockParts({ state, secrets, pubsub, bindings, metadata, shutdown }: GrpcBlocks): readonly GrpcPart[] {
  return [
    stateGrpc(state),
    secretsGrpc(secrets),
    pubsubGrpc(pubsub),
    bindingsGrpc(bindings),
    metadataGrpc({ metadata, shutdown }),
  ];
}
