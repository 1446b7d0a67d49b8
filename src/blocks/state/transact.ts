import type { StateOperation, StateValue } from "../../driver/state.ts";
import { fail } from "../../errors/error.ts";
import type { Call } from "../../kit/call.ts";
import { explained } from "./failure.ts";
import { storedKey } from "./key.ts";
import type { DeleteRequest, TransactionOperation, TransactionRequest } from "./model.ts";
import { writeOptions } from "./options.ts";
import type { OpenStateStore } from "./ports.ts";
import { encodeContent, sealValue } from "./value.ts";

type Transact = NonNullable<OpenStateStore["store"]["transact"]>;

/** The store's transaction method. Throws an API error when the store cannot do transactions. */
export function requireTransactions({ name, store }: OpenStateStore): Transact {
  if (store.transact === undefined || !store.features.includes("TRANSACTIONAL"))
    throw fail("stateTransactionsNotSupported", { store: name });
  return store.transact.bind(store);
}

/** An operation whose key and value are checked; the rest may still fail, and encryption is to come. */
interface Checked {
  readonly key: string;
  readonly operation: TransactionOperation;
  readonly value: StateValue | undefined;
}

async function finish(store: OpenStateStore, { key, operation, value }: Checked): Promise<StateOperation> {
  const from: DeleteRequest = operation.request;
  const request = { key, etag: from.etag === "" ? null : from.etag, metadata: from.metadata, ...writeOptions(from) };
  if (value === undefined) return { kind: "delete", request };
  return { kind: "upsert", request: { ...request, value: await sealValue(store, value) } };
}

/** Runs operations all or nothing, in order. An empty key is allowed. */
export async function transactItems(store: OpenStateStore, request: TransactionRequest, call: Call): Promise<void> {
  const transact = requireTransactions(store);
  const checked: Checked[] = [];
  for (const operation of request.operations) {
    const key = storedKey(store, operation.request.key, true);
    const value = operation.kind === "upsert" ? encodeContent(store, operation.request.content) : undefined;
    checked.push({ key, operation, value });
  }
  const most = store.store.maxTransactionOperations ?? (await store.store.askMaxTransactionOperations?.()) ?? 0;
  if (most > 0 && checked.length > most)
    throw fail("stateTooManyOperations", { store: store.name, count: checked.length, most });
  await explained(
    async () => {
      const operations = await Promise.all(checked.map((each) => finish(store, each)));
      await transact(operations, request.metadata, call.signal);
    },
    (reason, cause) => fail("stateTransaction", { reason }, { cause }),
    "none",
  );
}
