import type { StateDelete, StateSet } from "../../driver/state.ts";
import { type ApiError, fail } from "../../errors/error.ts";
import type { Call } from "../../kit/call.ts";
import { inParallel } from "../../kit/parallel.ts";
import { type EtagFault, etagFaultOf, explained, joinFailures } from "./failure.ts";
import { storedKey } from "./key.ts";
import type { DeleteRequest, SaveRequest } from "./model.ts";
import { writeOptions } from "./options.ts";
import type { OpenStateStore } from "./ports.ts";
import { encodeContent, sealValue } from "./value.ts";

/** Makes the API error of a failed write. */
type Explain = (reason: string, fault: EtagFault, cause?: unknown) => ApiError;

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** A request for the component, or why this item cannot be sent: a fault of one item's options spoils no other. */
function attempt<R>(build: () => R): R | Error {
  try {
    return build();
  } catch (error) {
    return asError(error);
  }
}

function readDelete(store: OpenStateStore, request: DeleteRequest): StateDelete | Error {
  const key = storedKey(store, request.key);
  const { etag, metadata } = request;
  return attempt(() => ({ key, etag: etag === "" ? null : etag, metadata, ...writeOptions(request) }));
}

function readSet(store: OpenStateStore, request: SaveRequest): StateSet | Error {
  if (request.key === "") throw fail("stateKeyRequired", {});
  const rest = readDelete(store, request);
  const value = encodeContent(store, request.content);
  return rest instanceof Error ? rest : { ...rest, value };
}

async function runOne(work: () => Promise<void>, explain: Explain): Promise<void> {
  await explained(work, (reason, cause) => explain(reason, etagFaultOf(cause), cause));
}

async function runMany<R extends object>(
  items: readonly (R | Error)[],
  single: (item: R) => Promise<void>,
  bulk: ((items: readonly R[]) => Promise<readonly (Error | null)[]>) | undefined,
  explain: Explain,
): Promise<void> {
  const isSound = (item: R | Error): item is R => !(item instanceof Error);
  const sound = items.filter(isSound);
  const each = (item: R): Promise<Error | null> => single(item).then(() => null, asError);
  const answers = await explained(
    async () => (bulk === undefined || sound.length === 0 ? inParallel(sound, 0, each) : bulk(sound)),
    (reason, cause) => explain(reason, etagFaultOf(cause), cause),
  );
  const failures = [...answers, ...items].filter((item): item is Error => item instanceof Error);
  if (failures.length === 0) return;
  const { reason, fault } = joinFailures(failures);
  throw explain(reason, fault, failures[0]);
}

/**
 * Saves items: one with the store's own set, several in bulk, which is not atomic. Every key and value is checked before
 * the first is written.
 */
export async function saveItems(store: OpenStateStore, requests: readonly SaveRequest[], call: Call): Promise<void> {
  if (requests.length === 0) return;
  const explain: Explain = (reason, fault, cause) => {
    const params = { store: store.name, reason };
    if (fault === "mismatch") return fail("stateSaveMismatch", params, { cause });
    return fail(fault === "invalid" ? "stateSaveInvalidEtag" : "stateSave", params, { cause });
  };
  const { store: driver, cipher } = store;
  const seal = async (item: StateSet | Error): Promise<StateSet | Error> =>
    item instanceof Error ? item : { ...item, value: await sealValue(store, item.value) };
  const read = requests.map((request) => readSet(store, request));
  const items = cipher === undefined ? read : await inParallel(read, 0, seal);
  const first = items[0]!;
  if (items.length === 1) {
    try {
      if (first instanceof Error) throw first;
      await driver.set(first, store.signal ?? call.signal);
    } catch (cause) {
      await runOne(() => Promise.reject(cause), explain);
    }
    return;
  }
  const bulk = driver.bulkSet && ((all: readonly StateSet[]) => driver.bulkSet!(all, call.signal));
  await runMany(items, (item) => driver.set(item, call.signal), bulk, explain);
}

/** Deletes one key; an absent key is no failure unless an ETag is given. */
export async function deleteItem(store: OpenStateStore, request: DeleteRequest, call: Call): Promise<void> {
  const item = readDelete(store, request);
  await runOne(
    async () => {
      if (item instanceof Error) throw item;
      await store.store.delete(item, store.signal ?? call.signal);
    },
    (reason, fault, cause) => {
      const params = { key: request.key, reason };
      if (fault === "mismatch") return fail("stateDeleteMismatch", params, { cause });
      return fail(fault === "invalid" ? "stateDeleteInvalidEtag" : "stateDelete", params, { cause });
    },
  );
}

/** Deletes several keys, not atomically; every key is checked before the first delete. */
export async function deleteItems(
  store: OpenStateStore,
  requests: readonly DeleteRequest[],
  call: Call,
): Promise<void> {
  if (requests.length === 0) return;
  const explain: Explain = (reason, fault, cause) => {
    const params = { store: store.name, reason };
    if (fault === "mismatch") return fail("stateBulkDeleteMismatch", params, { cause });
    return fail(fault === "invalid" ? "stateBulkDeleteInvalidEtag" : "stateBulkDelete", params, { cause });
  };
  const { store: driver } = store;
  const items = requests.map((request) => readDelete(store, request));
  const first = items[0]!;
  if (items.length === 1) {
    await runOne(async () => {
      if (first instanceof Error) throw first;
      await driver.delete(first, call.signal);
    }, explain);
    return;
  }
  const bulk = driver.bulkDelete && ((all: readonly StateDelete[]) => driver.bulkDelete!(all, call.signal));
  await runMany(items, (item) => driver.delete(item, call.signal), bulk, explain);
}
