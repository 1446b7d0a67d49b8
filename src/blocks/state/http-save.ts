import { decodeUtf8 } from "../../kit/bytes.ts";
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

/** One item with nothing but a key and a text, in which nothing is escaped or would be. */
const plainSave = /^\[\{"key":"([ !#-%'-;=?-[\]-~]+)","value":("([ !#-%'-;=?-[\]-~]*)")\}\]$/;
const mostPlain = 65_536;
const keyOffset = '[{"key":"'.length;
const valueOffset = '","value":'.length;

/** What most saves are: the value is kept as it came, which is how it would be written. */
function readPlain(body: Uint8Array, metadata: Metadata): readonly SaveRequest[] | undefined {
  if (body.length > mostPlain) return undefined;
  const found = plainSave.exec(decodeUtf8(body));
  if (found === null) return undefined;
  const [, key = "", text = "", value = ""] = found;
  const start = keyOffset + key.length + valueOffset;
  const content = { kind: "json", value, text: body.subarray(start, start + text.length) } as const;
  return [{ key, content, etag: null, concurrency: "", consistency: "", metadata }];
}

/** The items of a save request's body. Metadata of the query wins over an item's. Throws GoJsonError. */
export function readSaveBody(body: Uint8Array, metadata: Metadata): readonly SaveRequest[] {
  const plain = readPlain(body, metadata);
  if (plain !== undefined) return plain;
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
