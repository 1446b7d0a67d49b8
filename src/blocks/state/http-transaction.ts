import { fail } from "../../errors/error.ts";
import { decodeGoJson, goKind } from "../../kit/go-json.ts";
import { decodeGoShape, foldGoName, goShape } from "../../kit/go-shape.ts";
import { goPrint } from "./go-print.ts";
import type { DeleteRequest, Metadata, TransactionOperation, TransactionRequest } from "./model.ts";

const bodyShape = goShape.struct("http.stateTransactionRequestBody", {
  operations: goShape.list(
    "[]http.stateTransactionRequestBodyOperation",
    goShape.struct("http.stateTransactionRequestBodyOperation", { operation: goShape.text, request: goShape.anything }),
  ),
  metadata: goShape.map("map[string]string", goShape.text),
});

const goTypes: Readonly<Record<string, string>> = {
  array: "[]interface {}",
  object: "map[string]interface {}",
  number: "float64",
};
const goKinds: Readonly<Record<string, string>> = { array: "slice", object: "map", number: "float64" };
/** Names that folding leaves as they are. */
const folded = /^[a-z]+$/;
const noFields: ReadonlyMap<string, unknown> = new Map();

/** compat: operations are taken over with upstream's struct mapper, whose faults read otherwise than the JSON decoder's. */
class OperationReader {
  readonly faults: string[] = [];

  fields(name: string, value: unknown): ReadonlyMap<string, unknown> {
    if (value === null || value === undefined) return noFields;
    const kind = goKind(value);
    if (kind !== "object") {
      this.faults.push(`'${name}' expected a map, got '${goKinds[kind] ?? kind}'`);
      return noFields;
    }
    const fields = new Map<string, unknown>();
    for (const key of Object.keys(value))
      fields.set(folded.test(key) ? key : foldGoName(key), (value as Record<string, unknown>)[key]);
    return fields;
  }

  text(name: string, value: unknown): string {
    if (typeof value === "string") return value;
    if (value === null || value === undefined) return "";
    const kind = goKind(value);
    const type = goTypes[kind] ?? kind;
    this.faults.push(`'${name}' expected type 'string', got unconvertible type '${type}', value: '${goPrint(value)}'`);
    return "";
  }

  metadata(value: unknown): Metadata {
    if (value === null || value === undefined) return {};
    const kind = goKind(value);
    if (kind === "object")
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.text(`Metadata[${key}]`, item)]));
    this.faults.push(`'Metadata' expected a map, got '${goKinds[kind] ?? kind}'`);
    return {};
  }
}

interface OperationBody extends DeleteRequest {
  readonly value: unknown;
}

function readOperation(raw: unknown): OperationBody {
  const reader = new OperationReader();
  const fields = reader.fields("", raw);
  if (reader.faults[0] !== undefined) throw fail("malformedRequest", { reason: reader.faults[0] });
  const options = reader.fields("Options", fields.get("options"));
  const etag = fields.get("etag");
  const body = {
    key: reader.text("Key", fields.get("key")),
    value: fields.get("value") ?? null,
    etag: etag === null || etag === undefined ? null : reader.text("ETag", etag),
    metadata: reader.metadata(fields.get("metadata")),
    concurrency: reader.text("Options.Concurrency", options.get("concurrency")),
    consistency: reader.text("Options.Consistency", options.get("consistency")),
  };
  reader.text("ContentType", fields.get("contenttype"));
  if (reader.faults.length === 0) return body;
  const list = reader.faults.sort().map((fault) => `* ${fault}`);
  throw fail("malformedRequest", { reason: `${list.length} error(s) decoding:\n\n${list.join("\n")}` });
}

function* readOperations(
  items: readonly { readonly operation: string; readonly request: unknown }[],
  metadata: Metadata,
): Generator<TransactionOperation> {
  for (const { operation, request } of items) {
    if (operation !== "upsert" && operation !== "delete" && operation !== "publish")
      throw fail("stateOperationNotSupported", { operation });
    const { key, value, etag, concurrency, consistency, metadata: own } = readOperation(request);
    const merged = { ...own, ...metadata };
    if (operation === "delete")
      yield { kind: "delete", request: { key, etag, concurrency, consistency, metadata: merged } };
    else {
      const content = { kind: "json", value } as const;
      if (operation === "publish") yield { kind: "publish", request: { topic: key, content, metadata: merged } };
      else yield { kind: "upsert", request: { key, etag, concurrency, consistency, metadata: merged, content } };
    }
  }
}

/**
 * The body of a transaction. Its operations are read one by one while the block checks them. Metadata of the query wins
 * over the request's and over an operation's; the request's own does not reach the operations. Throws GoJsonError.
 */
export function readTransactionBody(
  body: Uint8Array,
  metadata: Metadata,
): TransactionRequest & { readonly isEmpty: boolean } {
  return readTransaction(decodeGoJson(body), metadata);
}

const answeredShape = goShape.struct("pubsub.AppResponse.transaction", { storeName: goShape.text });

/** The transaction of an answer to an event: the body of a request, and the name of the store. Throws GoJsonError. */
export function readAnsweredTransaction(value: unknown): {
  readonly storeName: string;
  readonly transaction: TransactionRequest;
} {
  return { ...decodeGoShape(value, answeredShape), transaction: readTransaction(value, {}) };
}

function readTransaction(value: unknown, metadata: Metadata): TransactionRequest & { readonly isEmpty: boolean } {
  const read = decodeGoShape(value, bodyShape);
  const items = read.operations ?? [];
  return {
    isEmpty: items.length === 0,
    operations: readOperations(items, metadata),
    metadata: { ...read.metadata, ...metadata },
  };
}
