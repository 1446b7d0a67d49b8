import { bytesAnswer, emptyAnswer, type HttpAnswer } from "../../api/http/answer.ts";
import type { StateItem, StateQueryResult } from "../../driver/state.ts";
import { decodeUtf8Strict, encodeUtf8 } from "../../kit/bytes.ts";
import { encodeGoJson, escapeGoJson } from "../../kit/go-json.ts";
import type { BulkEntry } from "./model.ts";

const spaceOutsideStrings = /("(?:[^"\\]|\\.)*")|[ \t\r\n]+/g;
const anySpace = /[ \t\r\n]/;

/**
 * Stored bytes as a member of a JSON answer: JSON compacted, other text as a JSON string. Undefined for bytes that are no
 * text. Upstream cuts the whole answer off at the first value that is not JSON.
 */
function embedded(bytes: Uint8Array): string | undefined {
  const text = decodeUtf8Strict(bytes);
  if (text === undefined) return undefined;
  try {
    JSON.parse(text);
  } catch {
    return encodeGoJson(text);
  }
  return escapeGoJson(anySpace.test(text) ? text.replace(spaceOutsideStrings, "$1") : text);
}

const notText = '"error":"the value is not text: read it by its own key or over gRPC"';

function member(name: string, value: unknown): string {
  return `,"${name}":${encodeGoJson(value, { sortKeys: true })}`;
}

function bulkEntry({ key, item, error }: BulkEntry): string {
  const start = `{"key":${encodeGoJson(key)}`;
  if (error !== undefined && error !== "") return `${start}${member("error", error)}}`;
  if (item === null) return `${start}}`;
  const data = item.bytes.length === 0 ? "" : embedded(item.bytes);
  if (data === undefined) return `${start},${notText}}`;
  const etag = item.etag === null ? "" : member("etag", item.etag);
  const metadata = Object.keys(item.metadata).length === 0 ? "" : member("metadata", item.metadata);
  return `${start}${data === "" ? "" : `,"data":${data}`}${etag}${metadata}}`;
}

function queryRow(row: StateQueryResult["results"][number]): string {
  const start = `{"key":${encodeGoJson(row.key)}`;
  const data = row.bytes.length === 0 ? "null" : embedded(row.bytes);
  if (data === undefined) return `${start},"data":null,${notText}}`;
  const etag = row.etag === null || row.etag === "" ? "" : member("etag", row.etag);
  const error = row.error === undefined || row.error === "" ? "" : member("error", row.error);
  return `${start},"data":${data}${etag}${error}}`;
}

function json(text: string): HttpAnswer {
  return bytesAnswer(encodeUtf8(`${text}\n`));
}

/** The answer to a read: the stored bytes as they are, or 204. */
export function itemAnswer(item: StateItem | null): HttpAnswer {
  if (item === null) return emptyAnswer();
  const headers: Record<string, string> = {};
  if (item.etag !== null) headers["etag"] = item.etag;
  for (const name in item.metadata) headers[`metadata.${name}`] = item.metadata[name]!;
  return bytesAnswer(item.bytes, 200, headers);
}

/** The answer to a bulk read. */
export function bulkAnswer(entries: readonly BulkEntry[]): HttpAnswer {
  return json(`[${entries.map(bulkEntry).join(",")}]`);
}

/** The answer to a query; nothing found is 204. */
export function queryAnswer({ results, token, metadata }: StateQueryResult): HttpAnswer {
  if (results.length === 0) return emptyAnswer();
  const more = token === "" ? "" : member("token", token);
  const extra = Object.keys(metadata).length === 0 ? "" : member("metadata", metadata);
  return json(`{"results":[${results.map(queryRow).join(",")}]${more}${extra}}`);
}
