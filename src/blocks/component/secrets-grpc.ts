import { type GrpcPart, grpcPart } from "../../api/grpc/part.ts";
import type { SecretStore } from "../../driver/secretstore.ts";
import { SecretStore as Service } from "../../gen/dapr/proto/components/v1/secretstore_pb.ts";
import { initialise, onInstance } from "./failure-grpc.ts";
import type { Instances } from "./instances.ts";

/** Secret stores, served as pluggable components. */
export function secretsComponentGrpc(stores: Instances<SecretStore>): readonly GrpcPart[] {
  return [
    grpcPart(Service, {
      init: initialise(stores),
      features: (_request, context) => onInstance(stores, context, ({ features }) => ({ features: [...features] })),
      get: ({ key, metadata }, context) =>
        onInstance(stores, context, async (store) => ({
          data: { ...(await store.get(key, metadata, context.signal)) },
        })),
      bulkGet: ({ metadata }, context) =>
        onInstance(stores, context, async (store) => {
          const found = Object.entries(await store.bulkGet(metadata, context.signal));
          return { data: Object.fromEntries(found.map(([name, secret]) => [name, { secrets: { ...secret } }])) };
        }),
      ping: (_request, context) => onInstance(stores, context, () => ({})),
    }),
  ];
}
