import { type GrpcPart, grpcPart } from "../../api/grpc/part.ts";
import { DriverError } from "../../driver/errors.ts";
import type { StateStore } from "../../driver/state.ts";
import {
  QueriableStateStore,
  StateStore as Service,
  TransactionalStateStore,
  TransactionalStoreMultiMaxSize,
} from "../../gen/dapr/proto/components/v1/state_pb.ts";
import { initialise, onInstance } from "./failure-grpc.ts";
import type { Instances } from "./instances.ts";
import { bulkItemMessage, deleteOf, getOf, itemMessage, operationOf, queryOf, setOf } from "./state-messages-grpc.ts";

const throwFirst = (errors: readonly (Error | null)[]): void => {
  const first = errors.find((error) => error !== null);
  if (first !== undefined) throw first;
};

const unsupported = (what: string): DriverError => new DriverError("unsupported", `this state store has no ${what}`);

/** State stores, served as pluggable components. */
export function stateComponentGrpc(stores: Instances<StateStore>): readonly GrpcPart[] {
  return [
    grpcPart(Service, {
      init: initialise(stores),
      features: (_request, context) => onInstance(stores, context, ({ features }) => ({ features: [...features] })),
      get: (request, context) =>
        onInstance(stores, context, async (store) => itemMessage(await store.get(getOf(request), context.signal))),
      set: (request, context) =>
        onInstance(stores, context, async (store) => {
          await store.set(setOf(request), context.signal);
          return {};
        }),
      delete: (request, context) =>
        onInstance(stores, context, async (store) => {
          await store.delete(deleteOf(request), context.signal);
          return {};
        }),
      bulkGet: ({ items, options }, context) =>
        onInstance(stores, context, async (store) => {
          const requests = items.map(getOf);
          const parallelism = Number(options?.parallelism ?? 0);
          if (store.bulkGet !== undefined)
            return { items: (await store.bulkGet(requests, parallelism, context.signal)).map(bulkItemMessage) };
          const found = await Promise.all(
            requests.map(async (request) => {
              try {
                return { key: request.key, item: await store.get(request, context.signal) };
              } catch (error) {
                return { key: request.key, item: null, error: error instanceof Error ? error.message : String(error) };
              }
            }),
          );
          return { items: found.map(bulkItemMessage) };
        }),
      bulkSet: ({ items }, context) =>
        onInstance(stores, context, async (store) => {
          const requests = items.map(setOf);
          if (store.bulkSet !== undefined) throwFirst(await store.bulkSet(requests, context.signal));
          else await Promise.all(requests.map((request) => store.set(request, context.signal)));
          return {};
        }),
      bulkDelete: ({ items }, context) =>
        onInstance(stores, context, async (store) => {
          const requests = items.map(deleteOf);
          if (store.bulkDelete !== undefined) throwFirst(await store.bulkDelete(requests, context.signal));
          else await Promise.all(requests.map((request) => store.delete(request, context.signal)));
          return {};
        }),
      ping: (_request, context) =>
        onInstance(stores, context, async (store) => {
          await store.ping?.(context.signal);
          return {};
        }),
    }),
    grpcPart(TransactionalStateStore, {
      transact: ({ operations, metadata }, context) =>
        onInstance(stores, context, async (store) => {
          if (store.transact === undefined) throw unsupported("transactions");
          await store.transact(operations.map(operationOf), metadata, context.signal);
          return {};
        }),
    }),
    grpcPart(QueriableStateStore, {
      query: ({ query, metadata }, context) =>
        onInstance(stores, context, async (store) => {
          if (store.query === undefined) throw unsupported("query API");
          const found = await store.query(queryOf(query, metadata), context.signal);
          const items = found.results.map(({ key, bytes, etag, error = "" }) => ({
            key,
            data: bytes,
            error,
            ...(etag !== null && { etag: { value: etag } }),
          }));
          return { items, token: found.token, metadata: { ...found.metadata } };
        }),
    }),
    grpcPart(TransactionalStoreMultiMaxSize, {
      multiMaxSize: (_request, context) =>
        onInstance(stores, context, async (store) => {
          const most = store.maxTransactionOperations ?? (await store.askMaxTransactionOperations?.());
          // Hosts take -1 for no limit.
          return { maxSize: BigInt(most !== undefined && most > 0 ? most : -1) };
        }),
    }),
  ];
}
