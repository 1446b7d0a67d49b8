import { Code, ConnectError } from "@connectrpc/connect";
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
  DeleteRequest,
  GetRequest,
  Query,
  SetRequest,
  TransactionalStateOperation,
} from "../../gen/dapr/proto/components/v1/state_pb.ts";
import { decodeUtf8 } from "../../kit/bytes.ts";

const concurrencies: readonly Concurrency[] = ["", "first-write", "last-write"];
const consistencies: readonly Consistency[] = ["", "eventual", "strong"];
const strict = new TextDecoder("utf-8", { fatal: true });

/** The wire does not say whether a value is JSON: what reads as JSON is kept as it, everything else as raw bytes. */
function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(strict.decode(bytes));
    return true;
  } catch {
    return false;
  }
}

/** A read from the wire. */
export function getOf({ key, metadata, consistency }: GetRequest): StateGet {
  return { key, metadata, consistency: consistencies[consistency] ?? "" };
}

/** A delete from the wire. */
export function deleteOf({ key, etag, metadata, options }: DeleteRequest): StateDelete {
  return {
    key,
    etag: etag?.value ?? null,
    metadata,
    concurrency: concurrencies[options?.concurrency ?? 0] ?? "",
    consistency: consistencies[options?.consistency ?? 0] ?? "",
  };
}

/** A write from the wire. */
export function setOf({ key, value, etag, metadata, options }: SetRequest): StateSet {
  return {
    key,
    value: { bytes: value, binary: !isJson(value) },
    etag: etag?.value ?? null,
    metadata,
    concurrency: concurrencies[options?.concurrency ?? 0] ?? "",
    consistency: consistencies[options?.consistency ?? 0] ?? "",
  };
}

/** A step of a transaction from the wire. */
export function operationOf({ request }: TransactionalStateOperation): StateOperation {
  if (request.case === "set") return { kind: "upsert", request: setOf(request.value) };
  if (request.case === "delete") return { kind: "delete", request: deleteOf(request.value) };
  throw new ConnectError("a step of the transaction is neither a set nor a delete", Code.InvalidArgument);
}

/** What a read answers; nothing for a key that is not there. */
export function itemMessage(item: StateItem | null) {
  if (item === null) return {};
  return {
    data: item.bytes,
    metadata: { ...item.metadata },
    ...(item.etag !== null && { etag: { value: item.etag } }),
  };
}

/** One key of a bulk read. */
export function bulkItemMessage({ key, item, error = "" }: StateBulkItem) {
  return { key, error, ...itemMessage(item) };
}

/** A query from the wire: the operand of each operator is JSON. */
export function queryOf(query: Query | undefined, metadata: Readonly<Record<string, string>>): StateQuery {
  const filters = Object.entries(query?.filter ?? {}).map(([op, { value }]) => {
    try {
      return filterOf(op, JSON.parse(decodeUtf8(value)));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new ConnectError(`the operand of ${op} in the query cannot be read: ${why}`, Code.InvalidArgument);
    }
  });
  const [only, ...more] = filters;
  return {
    filter: only === undefined ? null : more.length === 0 ? only : { op: "AND", filters },
    sort: (query?.sort ?? []).map(({ key, order }) => ({ key, order: order === 1 ? "DESC" : "ASC" })),
    page: { limit: Number(query?.pagination?.limit ?? 0), token: query?.pagination?.token ?? "" },
    metadata,
    keyPrefix: "",
  };
}

function filterOf(op: string, operand: unknown): QueryFilter {
  if (op === "AND" || op === "OR") {
    if (!Array.isArray(operand)) throw new Error("it is no list of filters");
    const filters = operand.map((each: unknown) => {
      const [inner] = Object.entries(each ?? {});
      if (inner === undefined) throw new Error("a filter in it is empty");
      return filterOf(inner[0], inner[1]);
    });
    return { op, filters };
  }
  const [pair, ...rest] = typeof operand === "object" && operand !== null ? Object.entries(operand) : [];
  if (pair === undefined || rest.length > 0) throw new Error("it is no object with one key");
  const [key, value] = pair as [string, unknown];
  if (op === "IN") {
    if (!Array.isArray(value)) throw new Error("it names no list of values");
    return { op, key, values: value };
  }
  if (op === "EQ" || op === "NEQ" || op === "GT" || op === "GTE" || op === "LT" || op === "LTE")
    return { op, key, value };
  throw new Error("there is no such operator");
}
