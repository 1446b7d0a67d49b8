import type { StateOperation, StateValue } from "../../driver/state.ts";
import { fail } from "../../errors/error.ts";
import type { Call } from "../../kit/call.ts";
import { explained } from "./failure.ts";
import { storedKey } from "./key.ts";
import type { DeleteRequest, Metadata, PublishOperation, StateContent, TransactionRequest } from "./model.ts";
import { writeOptions } from "./options.ts";
import { planOutbox } from "./outbox.ts";
import type { Accompaniment, OpenStateStore, OutboxEvent } from "./ports.ts";
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
  readonly kind: "upsert" | "delete";
  readonly key: string;
  readonly request: DeleteRequest;
  readonly value: StateValue | undefined;
  readonly metadata: Metadata;
  /** What the caller gave. */
  readonly content: StateContent | undefined;
}

function finish({ key, request: from, value }: Checked): StateOperation {
  const request = { key, etag: from.etag === "" ? null : from.etag, metadata: from.metadata, ...writeOptions(from) };
  return value === undefined ? { kind: "delete", request } : { kind: "upsert", request: { ...request, value } };
}

async function sealed(store: OpenStateStore, checked: Checked): Promise<Checked> {
  if (checked.value === undefined) return checked;
  const value = await sealValue(store, checked.value);
  // What leaves the store is as secret as what stays in it.
  return { ...checked, value, content: { kind: "bytes", bytes: value.bytes } };
}

interface Read {
  readonly checked: readonly Checked[];
  readonly publishes: readonly PublishOperation[];
}

function readAll(store: OpenStateStore, { operations }: TransactionRequest): Read {
  const checked: Checked[] = [];
  const publishes: PublishOperation[] = [];
  for (const operation of operations) {
    if (operation.kind === "publish") {
      publishes.push(operation.request);
      continue;
    }
    const { kind, request } = operation;
    const key = storedKey(store, request.key, true);
    const content = kind === "upsert" ? operation.request.content : undefined;
    const value = content === undefined ? undefined : encodeContent(store, content);
    checked.push({ kind, key, request, value, metadata: request.metadata, content });
  }
  return { checked, publishes };
}

/** Runs operations all or nothing, in order, with what goes with them. An empty key is allowed. */
export async function transactItems(
  store: OpenStateStore,
  request: TransactionRequest,
  call: Call,
  accompaniment?: Accompaniment,
): Promise<void> {
  const transact = requireTransactions(store);
  const { checked, publishes } = readAll(store, request);
  const { metadata, deliveryId } = request;
  const most = store.store.maxTransactionOperations ?? (await store.store.askMaxTransactionOperations?.()) ?? 0;
  if (most > 0 && checked.length > most)
    throw fail("stateTooManyOperations", { store: store.name, count: checked.length, most });
  const hasOutbox = accompaniment?.hasOutbox(store.name) ?? false;
  await explained(
    async () => {
      const whole =
        store.cipher === undefined ? checked : await Promise.all(checked.map((each) => sealed(store, each)));
      let kept = whole;
      let events: readonly OutboxEvent[] = [];
      if (hasOutbox) ({ kept, events } = planOutbox(whole));
      const operations = kept.map(finish);
      if (events.length === 0 && publishes.length === 0 && deliveryId === undefined)
        return transact(operations, metadata, call.signal);
      if (accompaniment === undefined) throw fail("stateNotOneDatabase", { store: store.name, what: "anything else" });
      return accompaniment.transact({ store, operations, metadata, events, publishes, deliveryId }, call);
    },
    (reason, cause) => fail("stateTransaction", { reason }, { cause }),
    "none",
  );
}
