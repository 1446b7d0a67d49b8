import type { PubSubPorts } from "../blocks/pubsub/ports.ts";
import { readAnsweredTransaction } from "../blocks/state/http-transaction.ts";
import type { State } from "../blocks/state/state.ts";
import type { ExecuteStateTransactionRequest } from "../gen/dapr/proto/runtime/v1/state_pb.ts";

/** Commits the transactions that apps put into their answers to events, together with the acknowledgements. */
export function createAnswerCommit(state: State): NonNullable<PubSubPorts["commit"]> {
  async function read(wire: "http" | "grpc", body: unknown) {
    if (wire === "http") return readAnsweredTransaction(body);
    const { readTransactionMessage } = await import("../blocks/state/grpc.ts");
    const message = body as ExecuteStateTransactionRequest;
    return { storeName: message.storeName, transaction: readTransactionMessage(message) };
  }
  return async ({ id }, { wire, body }, call) => {
    const { storeName, transaction } = await read(wire, body);
    const store = state.store(storeName);
    state.requireTransactions(store);
    await state.transact(store, { ...transaction, deliveryId: id }, call);
  };
}
