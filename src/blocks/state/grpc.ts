import { callOf, headerOf } from "../../api/grpc/call.ts";
import { type GrpcPart, grpcPart } from "../../api/grpc/part.ts";
import { fail } from "../../errors/error.ts";
import {
  type StateItem as ItemMessage,
  StateOptions_StateConcurrency as StateConcurrency,
  StateOptions_StateConsistency as StateConsistency,
  type StateOptions,
} from "../../gen/dapr/proto/common/v1/common_pb.ts";
import { Dapr } from "../../gen/dapr/proto/runtime/v1/dapr_pb.ts";
import type {
  ExecuteStateTransactionRequest,
  TransactionalStateOperation,
} from "../../gen/dapr/proto/runtime/v1/state_pb.ts";
import { deliveryHeader, takeDeliveryId } from "./delivery-id.ts";
import type { DeleteRequest, SaveRequest, TransactionOperation, TransactionRequest } from "./model.ts";
import type { State } from "./state.ts";

function consistencyText(value: StateConsistency | undefined): string {
  if (value === StateConsistency.CONSISTENCY_EVENTUAL) return "eventual";
  return value === StateConsistency.CONSISTENCY_STRONG ? "strong" : "";
}

function concurrencyText(value: StateConcurrency | undefined): string {
  if (value === StateConcurrency.CONCURRENCY_FIRST_WRITE) return "first-write";
  return value === StateConcurrency.CONCURRENCY_LAST_WRITE ? "last-write" : "";
}

type DeleteFields = Pick<ItemMessage, "key" | "metadata" | "etag"> & { readonly options?: StateOptions };

function readDelete(item: DeleteFields | undefined): DeleteRequest {
  return {
    key: item?.key ?? "",
    etag: item?.etag?.value ?? null,
    concurrency: concurrencyText(item?.options?.concurrency),
    consistency: consistencyText(item?.options?.consistency),
    metadata: item?.metadata ?? {},
  };
}

function readSave(item: ItemMessage): SaveRequest {
  const isJson = item.metadata["contentType"] === "application/json";
  return { ...readDelete(item), content: { kind: isJson ? "jsonText" : "bytes", bytes: item.value } };
}

function* readOperations(operations: readonly TransactionalStateOperation[]): Generator<TransactionOperation> {
  for (const { operationType, request } of operations) {
    const rest = readDelete(request);
    if (operationType === "delete") yield { kind: "delete", request: rest };
    else if (operationType === "upsert") {
      const bytes = request?.value ?? new Uint8Array();
      yield { kind: "upsert", request: { ...rest, content: { kind: "bytes", bytes } } };
    } else if (operationType === "publish") {
      const { key, value: bytes, metadata } = request ?? { key: "", value: new Uint8Array(), metadata: {} };
      yield { kind: "publish", request: { topic: key, content: { kind: "bytes", bytes }, metadata } };
    } else throw fail("stateOperationNotSupported", { operation: operationType });
  }
}

/** A transaction of a message. */
export function readTransactionMessage(
  { operations, metadata }: Pick<ExecuteStateTransactionRequest, "operations" | "metadata">,
  header: string | null = null,
): TransactionRequest {
  return { operations: readOperations(operations), ...takeDeliveryId(header, metadata) };
}

/** The state methods of the Dapr service. */
export function stateGrpc(state: State): GrpcPart {
  return grpcPart(Dapr, {
    async getState({ storeName, key, consistency, metadata }, context) {
      const store = state.store(storeName);
      const item = await state.get(
        store,
        { key, consistency: consistencyText(consistency), metadata },
        callOf(context),
      );
      return item === null ? {} : { data: item.bytes, etag: item.etag ?? "", metadata: { ...item.metadata } };
    },

    async getBulkState({ storeName, keys, parallelism, metadata }, context) {
      const store = state.store(storeName);
      const entries = await state.bulkGet(store, { keys, parallelism, metadata }, callOf(context));
      return {
        items: entries.map(({ key, item, error }) =>
          item === null
            ? { key, error: error ?? "" }
            : { key, data: item.bytes, etag: item.etag ?? "", metadata: { ...item.metadata }, error: error ?? "" },
        ),
      };
    },

    async saveState({ storeName, states }, context) {
      const store = state.store(storeName);
      await state.save(store, states.map(readSave), callOf(context));
      return {};
    },

    async deleteState(request, context) {
      const store = state.store(request.storeName);
      await state.delete(store, readDelete(request), callOf(context));
      return {};
    },

    async deleteBulkState({ storeName, states }, context) {
      const store = state.store(storeName);
      await state.bulkDelete(store, states.map(readDelete), callOf(context));
      return {};
    },

    async executeStateTransaction(request, context) {
      const store = state.store(request.storeName);
      state.requireTransactions(store);
      const transaction = readTransactionMessage(request, headerOf(context, deliveryHeader));
      await state.transact(store, transaction, callOf(context));
      return {};
    },

    async queryStateAlpha1({ storeName, query, metadata }, context) {
      const found = await state.query(state.store(storeName), { query, metadata }, callOf(context));
      if (found.results.length === 0) return {};
      return {
        results: found.results.map(({ key, bytes, etag, error }) => ({
          key,
          data: bytes,
          etag: etag ?? "",
          error: error ?? "",
        })),
        token: found.token,
        metadata: { ...found.metadata },
      };
    },
  });
}
