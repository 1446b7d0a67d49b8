import type { StateItem } from "../../driver/state.ts";
import { fail } from "../../errors/error.ts";
import type { Call } from "../../kit/call.ts";
import { inParallel } from "../../kit/parallel.ts";
import { explained, reasonOf } from "./failure.ts";
import { originalKey, storedKey } from "./key.ts";
import type { BulkEntry, BulkGetRequest, GetRequest } from "./model.ts";
import { readConsistency } from "./options.ts";
import type { OpenStateStore } from "./ports.ts";

/** Reads one key; null when it is absent or expired. */
export async function getItem(store: OpenStateStore, request: GetRequest, call: Call): Promise<StateItem | null> {
  const key = storedKey(store, request.key);
  const consistency = readConsistency(request.consistency);
  try {
    const item = await store.store.get({ key, consistency, metadata: request.metadata }, store.signal ?? call.signal);
    if (item === null || store.cipher === undefined) return item;
    return { ...item, bytes: await store.cipher.decrypt(item.bytes) };
  } catch (cause) {
    return explained(
      () => Promise.reject(cause),
      (reason) => fail("stateGet", { store: store.name, key: request.key, reason }, { cause }),
    );
  }
}

async function openEntry(store: OpenStateStore, entry: BulkEntry): Promise<BulkEntry> {
  if (store.cipher === undefined || entry.item === null) return entry;
  try {
    return { key: entry.key, item: { ...entry.item, bytes: await store.cipher.decrypt(entry.item.bytes) } };
  } catch (error) {
    return { key: entry.key, item: null, error: reasonOf(error) };
  }
}

/**
 * Reads several keys. A key that fails carries its own error. The order is that of the store; when a key is asked for
 * more than once it is answered as often, in the order of the request.
 */
export async function getItems(
  store: OpenStateStore,
  request: BulkGetRequest,
  call: Call,
): Promise<readonly BulkEntry[]> {
  if (request.keys.length === 0) return [];
  const { store: driver, prefix } = store;
  const wanted = request.keys.map((key) => storedKey(store, key));
  const requests = [...new Set(wanted)].map((key) => ({
    key,
    consistency: "" as const,
    metadata: request.metadata,
  }));
  const single = async (asked: (typeof requests)[number]): Promise<BulkEntry> => {
    try {
      return { key: asked.key, item: await driver.get(asked, call.signal) };
    } catch (error) {
      return { key: asked.key, item: null, error: reasonOf(error) };
    }
  };
  const found = await explained(
    async (): Promise<readonly BulkEntry[]> =>
      driver.bulkGet === undefined
        ? inParallel(requests, request.parallelism, single)
        : driver.bulkGet(requests, request.parallelism, call.signal),
    (reason, cause) => fail("stateBulkGet", { reason }, { cause }),
  );
  const byKey = new Map(found.map((entry) => [entry.key, entry]));
  const complete = requests.length === wanted.length ? found : wanted.flatMap((key) => byKey.get(key) ?? []);
  const entries = complete.map((entry) => ({ ...entry, key: originalKey(prefix, entry.key) }));
  return store.cipher === undefined ? entries : inParallel(entries, 0, (entry) => openEntry(store, entry));
}
