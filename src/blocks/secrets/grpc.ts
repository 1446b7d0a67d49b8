import { callOf } from "../../api/grpc/call.ts";
import { type GrpcPart, grpcPart } from "../../api/grpc/part.ts";
import { Dapr } from "../../gen/dapr/proto/runtime/v1/dapr_pb.ts";
import type { Secrets } from "./secrets.ts";

/** The secret methods of the Dapr service. */
export function secretsGrpc(secrets: Secrets): GrpcPart {
  return grpcPart(Dapr, {
    async getSecret({ storeName, key, metadata }, context) {
      return { data: { ...(await secrets.get({ storeName, key, metadata }, callOf(context))) } };
    },

    async getBulkSecret({ storeName, metadata }, context) {
      const found = await secrets.bulkGet({ storeName, metadata }, callOf(context));
      const pairs = Object.entries(found).map(([name, secret]) => [name, { secrets: { ...secret } }] as const);
      return { data: Object.fromEntries(pairs) };
    },
  });
}
