import type { StateItem, StateQueryResult } from "../../driver/state.ts";
import { fail } from "../../errors/error.ts";
import type { Call } from "../../kit/call.ts";
import type {
  BulkEntry,
  BulkGetRequest,
  DeleteRequest,
  GetRequest,
  QueryRequest,
  SaveRequest,
  TransactionRequest,
} from "./model.ts";
import type { OpenStateStore, StatePorts } from "./ports.ts";
import { queryItems } from "./query.ts";
import { getItem, getItems } from "./read.ts";
import { requireTransactions, transactItems } from "./transact.ts";
import { deleteItem, deleteItems, saveItems } from "./write.ts";

/**
 * The state API without its wires. A face first asks for the store, because an unknown store is reported before anything
 * else of a request is looked at. Every failure is an ApiError.
 */
export interface State {
  /** The loaded store of this name. `namesApp` false keeps the app's id out of the error. */
  store(name: string, namesApp?: boolean): OpenStateStore;
  /** Throws when the store cannot do transactions. */
  requireTransactions(store: OpenStateStore): void;
  get(store: OpenStateStore, request: GetRequest, call: Call): Promise<StateItem | null>;
  bulkGet(store: OpenStateStore, request: BulkGetRequest, call: Call): Promise<readonly BulkEntry[]>;
  save(store: OpenStateStore, requests: readonly SaveRequest[], call: Call): Promise<void>;
  delete(store: OpenStateStore, request: DeleteRequest, call: Call): Promise<void>;
  bulkDelete(store: OpenStateStore, requests: readonly DeleteRequest[], call: Call): Promise<void>;
  transact(store: OpenStateStore, request: TransactionRequest, call: Call): Promise<void>;
  query(store: OpenStateStore, request: QueryRequest, call: Call): Promise<StateQueryResult>;
}

/** The state block over the loaded stores. */
export function createState({ appId, stores, accompaniment }: StatePorts): State {
  return {
    store(name, namesApp = true) {
      const found = stores.find(name);
      if (found !== undefined) return found;
      const params = { store: name, appId: namesApp ? appId : "" };
      throw stores.any() ? fail("stateStoreNotFound", params) : fail("stateStoreNotConfigured", params);
    },
    requireTransactions,
    get: getItem,
    bulkGet: getItems,
    save: saveItems,
    delete: deleteItem,
    bulkDelete: deleteItems,
    transact: (store, request, call) => transactItems(store, request, call, accompaniment),
    query: queryItems,
  };
}
