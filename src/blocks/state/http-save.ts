import { decodeGoJson } from "../../kit/go-json.ts";
import { decodeGoShape, goShape } from "../../kit/go-shape.ts";
import type { Metadata, SaveRequest } from "./model.ts";

const optionsShape = goShape.struct("state.SetStateOption", { Concurrency: goShape.text, Consistency: goShape.text });
const metadataShape = goShape.map("map[string]string", goShape.text);

const saveShape = goShape.list(
  "[]state.SetRequest",
  goShape.struct("state.SetRequest", {
    key: goShape.text,
    value: goShape.anything,
    etag: goShape.optionalText,
    metadata: metadataShape,
    options: optionsShape,
    contentType: goShape.optionalText,
  }),
);

const bulkGetShape = goShape.struct("http.BulkGetRequest", {
  metadata: metadataShape,
  keys: goShape.list("[]string", goShape.text),
  parallelism: goShape.integer,
});

/** The items of a save request's body. Metadata of the query wins over an item's. Throws GoJsonError. */
export function readSaveBody(body: Uint8Array, metadata: Metadata): readonly SaveRequest[] {
  const items = decodeGoShape(decodeGoJson(body), saveShape) ?? [];
  return items.map((item) => ({
    key: item.key,
    content: { kind: "json", value: item.value },
    etag: item.etag,
    concurrency: item.options.Concurrency,
    consistency: item.options.Consistency,
    metadata: { ...item.metadata, ...metadata },
  }));
}

/** The body of a bulk read. Throws GoJsonError. */
export function readBulkGetBody(
  body: Uint8Array,
  metadata: Metadata,
): { readonly keys: readonly string[]; readonly parallelism: number; readonly metadata: Metadata } {
  const read = decodeGoShape(decodeGoJson(body), bulkGetShape);
  return { keys: read.keys ?? [], parallelism: read.parallelism, metadata: { ...read.metadata, ...metadata } };
}
