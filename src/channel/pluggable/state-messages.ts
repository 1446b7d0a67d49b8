import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  Concurrency,
  Consistency,
  QueryFilter,
  StateBulkItem,
  StateDelete,
  StateGet,
  StateItem,
  StateOperation,
  StateQuery,
  StateSet,
} from "../../driver/state.ts";
import type {
  BulkStateItem,
  DeleteRequestSchema,
  GetRequestSchema,
  GetResponse,
  QuerySchema,
  SetRequestSchema,
  StateOptions_StateConcurrency,
  StateOptions_StateConsistency,
  TransactionalStateOperationSchema,
} from "../../gen/dapr/proto/components/v1/state_pb.ts";
import { encodeUtf8 } from "../../kit/bytes.ts";
import { encodeGoJson } from "../../kit/go-json.ts";

const concurrencies: Readonly<Record<Concurrency, StateOptions_StateConcurrency>> = {
  "": 0,
  "first-write": 1,
  "last-write": 2,
};
const consistencies: Readonly<Record<Consistency, StateOptions_StateConsistency>> = { "": 0, eventual: 1, strong: 2 };

/** A read on the wire. */
export function getMessage({ key, metadata, consistency }: StateGet): MessageInitShape<typeof GetRequestSchema> {
  return { key, metadata: { ...metadata }, consistency: consistencies[consistency] };
}

/** A delete on the wire. */
export function deleteMessage(request: StateDelete): MessageInitShape<typeof DeleteRequestSchema> {
  const { key, etag, metadata, concurrency, consistency } = request;
  return {
    key,
    metadata: { ...metadata },
    options: { concurrency: concurrencies[concurrency], consistency: consistencies[consistency] },
    ...(etag !== null && { etag: { value: etag } }),
  };
}

/** A write on the wire. */
export function setMessage(request: StateSet): MessageInitShape<typeof SetRequestSchema> {
  const { key, etag, metadata, concurrency, consistency, value } = request;
  return {
    key,
    value: value.bytes,
    metadata: { ...metadata },
    options: { concurrency: concurrencies[concurrency], consistency: consistencies[consistency] },
    ...(etag !== null && { etag: { value: etag } }),
  };
}

/** A step of a transaction on the wire. */
export function operationMessage(
  operation: StateOperation,
): MessageInitShape<typeof TransactionalStateOperationSchema> {
  return operation.kind === "upsert"
    ? { request: { case: "set", value: setMessage(operation.request) } }
    : { request: { case: "delete", value: deleteMessage(operation.request) } };
}

/** What a read brought; null for no data. */
export function itemOf({ data, etag, metadata }: GetResponse | BulkStateItem): StateItem | null {
  return data.length === 0 ? null : { bytes: data, etag: etag?.value ?? null, metadata };
}

/** One key of a bulk read. */
export function bulkItemOf(item: BulkStateItem): StateBulkItem {
  const { key, error } = item;
  return error === "" ? { key, item: itemOf(item) } : { key, item: null, error };
}

/** A query on the wire: the filter is the operand of each operator as JSON. */
export function queryMessage({ filter, sort, page }: StateQuery): MessageInitShape<typeof QuerySchema> {
  const units = filter === null ? [] : [filterUnit(filter)];
  return {
    filter: Object.fromEntries(units.map(([op, operand]) => [op, { value: encodeUtf8(encodeGoJson(operand)) }])),
    sort: sort.map(({ key, order }) => ({ key, order: order === "DESC" ? 1 : 0 })),
    pagination: { limit: BigInt(page.limit), token: page.token },
  };
}

function filterUnit(filter: QueryFilter): [string, unknown] {
  if ("filters" in filter) return [filter.op, filter.filters.map((inner) => Object.fromEntries([filterUnit(inner)]))];
  return [filter.op, { [filter.key]: "values" in filter ? filter.values : filter.value }];
}
