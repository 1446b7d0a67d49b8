import type { StateOperation, StateValue } from "../../driver/state.ts";
import { ApiError, fail } from "../../errors/error.ts";
import type { Call } from "../../kit/call.ts";
import { reasonOf } from "./failure.ts";
import { storedKey } from "./key.ts";
import type { DeleteRequest, PublishOperation, StateContent, TransactionRequest } from "./model.ts";
import { writeOptions } from "./options.ts";
import { planOutbox } from "./outbox.ts";
import type { Accompaniment, OpenStateStore, OutboxEvent } from "./ports.ts";
import { encodeContent, sealValue } from "./value.ts";

/** Throws an API error when the store cannot do transactions. */
export function requireTransactions({ name, store }: OpenStateStore): void {
  if (store.transact === undefined || !store.features.includes("TRANSACTIONAL"))
    throw fail("stateTransactionsNotSupported", { store: name });
}

/** An operation whose key and value are checked; the rest may still fail, and encryption is to come. */
interface Checked {
  readonly kind: "upsert" | "delete";
  readonly key: string;
  readonly request: DeleteRequest;
  readonly value: StateValue | undefined;
  /** What the caller gave. */
  readonly content: StateContent | undefined;
}

function finish({ key, request: from, value }: Checked): StateOperation {
  const { concurrency, consistency } = writeOptions(from);
  const { metadata } = from;
  const etag = from.etag === "" ? null : from.etag;
  if (value === undefined) return { kind: "delete", request: { key, etag, concurrency, consistency, metadata } };
  return { kind: "upsert", request: { key, value, etag, concurrency, consistency, metadata } };
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
    checked.push({ kind, key, request, value, content });
  }
  return { checked, publishes };
}

const noEvents: readonly OutboxEvent[] = Object.freeze([]);

/** Runs operations all or nothing, in order, with what goes with them. An empty key is allowed. */
export async function transactItems(
  store: OpenStateStore,
  request: TransactionRequest,
  call: Call,
  accompaniment?: Accompaniment,
): Promise<void> {
  requireTransactions(store);
  const { checked, publishes } = readAll(store, request);
  const { metadata, deliveryId } = request;
  const { store: driver } = store;
  const asked = driver.askMaxTransactionOperations === undefined ? 0 : await driver.askMaxTransactionOperations();
  const most = driver.maxTransactionOperations ?? asked;
  if (most > 0 && checked.length > most)
    throw fail("stateTooManyOperations", { store: store.name, count: checked.length, most });
  const hasOutbox = accompaniment?.hasOutbox(store.name) === true;
  try {
    const whole = store.cipher === undefined ? checked : await Promise.all(checked.map((each) => sealed(store, each)));
    const { kept, events } = hasOutbox ? planOutbox(whole) : { kept: whole, events: noEvents };
    const operations = kept.map(finish);
    if (events.length === 0 && publishes.length === 0 && deliveryId === undefined)
      await driver.transact?.(operations, metadata, store.signal ?? call.signal);
    else if (accompaniment === undefined)
      throw fail("stateNotOneDatabase", { store: store.name, what: "anything else" });
    else await accompaniment.transact({ store, operations, metadata, events, publishes, deliveryId }, call);
  } catch (cause) {
    throw ApiError.is(cause) ? cause : fail("stateTransaction", { reason: reasonOf(cause) }, { cause });
  }
}
