import type { DriverContext } from "../../driver/context.ts";
import type { StateStore } from "../../driver/state.ts";
import {
  QueriableStateStore,
  StateStore as Service,
  TransactionalStateStore,
  TransactionalStoreMultiMaxSize,
} from "../../gen/dapr/proto/components/v1/state_pb.ts";
import { stateWriteError } from "./component-error.ts";
import { type ComponentConnection, connectComponent } from "./connection.ts";
import {
  bulkItemOf,
  deleteMessage,
  getMessage,
  itemOf,
  operationMessage,
  queryMessage,
  setMessage,
} from "./state-messages.ts";

/** Opens a state store behind a socket. Its features say whether it takes transactions; queries are passed on in any case. */
export async function openStateStore(
  path: string,
  services: ReadonlySet<string>,
  properties: ReadonlyMap<string, string>,
  context: DriverContext,
): Promise<StateStore> {
  const metadata = { properties: Object.fromEntries(properties) };
  const connection = await connectComponent({
    path,
    context,
    initialise: (client, options) => client.unary(Service.method.init, { metadata }, options),
  });
  try {
    const { features } = await connection.call(Service.method.features, {}, context.signal);
    return { features: features as StateStore["features"], ...storeMethods(connection, services, context) };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

function storeMethods(
  connection: ComponentConnection,
  services: ReadonlySet<string>,
  { log }: DriverContext,
): Omit<StateStore, "features"> {
  let limit: Promise<number> | undefined;
  const askLimit = async (): Promise<number> => {
    try {
      return Number((await connection.call(TransactionalStoreMultiMaxSize.method.multiMaxSize, {})).maxSize);
    } catch (error) {
      log.error(`failed to get multi max size from state store: ${error instanceof Error ? error.message : error}`);
      return -1;
    }
  };
  return {
    async get(request, signal) {
      return itemOf(await connection.call(Service.method.get, getMessage(request), signal));
    },
    async set(request, signal) {
      await connection.call(Service.method.set, setMessage(request), signal, stateWriteError);
    },
    async delete(request, signal) {
      await connection.call(Service.method.delete, deleteMessage(request), signal, stateWriteError);
    },
    async bulkGet(requests, parallelism, signal) {
      const message = { items: requests.map(getMessage), options: { parallelism: BigInt(parallelism) } };
      return (await connection.call(Service.method.bulkGet, message, signal)).items.map(bulkItemOf);
    },
    async bulkSet(requests, signal) {
      const message = { items: requests.map(setMessage), options: {} };
      await connection.call(Service.method.bulkSet, message, signal, stateWriteError);
      return requests.map(() => null);
    },
    async bulkDelete(requests, signal) {
      const message = { items: requests.map(deleteMessage), options: {} };
      await connection.call(Service.method.bulkDelete, message, signal, stateWriteError);
      return requests.map(() => null);
    },
    async transact(operations, metadata, signal) {
      const message = { operations: operations.map(operationMessage), metadata: { ...metadata } };
      await connection.call(TransactionalStateStore.method.transact, message, signal);
    },
    ...(services.has(TransactionalStoreMultiMaxSize.typeName) && {
      askMaxTransactionOperations: () => (limit ??= askLimit()),
    }),
    async query(query, signal) {
      const message = { query: queryMessage(query), metadata: { ...query.metadata } };
      const { items, token, metadata } = await connection.call(QueriableStateStore.method.query, message, signal);
      // The wire has no field for the prefix, so a component answers with the keys of all apps.
      const own = items.filter(({ key }) => key.startsWith(query.keyPrefix));
      const results = own.map(({ key, data, etag, error }) => ({
        key,
        bytes: data,
        etag: etag?.value ?? null,
        ...(error !== "" && { error }),
      }));
      return { results, token, metadata };
    },
    async ping(signal) {
      await connection.call(Service.method.ping, {}, signal);
    },
    close: () => connection.close(),
  };
}
