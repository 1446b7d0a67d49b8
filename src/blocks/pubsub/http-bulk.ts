import { fail } from "../../errors/error.ts";
import { decodeBase64 } from "../../kit/base64.ts";
import { encodeUtf8 } from "../../kit/bytes.ts";
import { decodeGoJson, encodeGoJson, GoJsonError } from "../../kit/go-json.ts";
import { decodeGoShape, goShape } from "../../kit/go-shape.ts";
import type { Payload } from "./cloudevent.ts";
import { isBinaryType, isCloudEventType, isJsonType, isTextType } from "./content-type.ts";
import type { BulkPublishEntry } from "./model.ts";

const entriesShape = goShape.list(
  "[]http.bulkPublishMessageEntry",
  goShape.struct("http.bulkPublishMessageEntry", {
    entryId: goShape.text,
    event: goShape.anything,
    contentType: goShape.text,
    metadata: goShape.map("map[string]string", goShape.text),
  }),
);

const mismatch = "error: mismatch between contentType and event";

/** The bytes of an event. Throws an Error in upstream's words when it does not fit its content type. */
function eventBytes(event: unknown, contentType: string): Uint8Array {
  if (isBinaryType(contentType)) {
    if (typeof event !== "string") throw new Error(mismatch);
    try {
      return decodeBase64(event);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`error: unable to decode base64 application/octect-stream data: ${why}`, { cause });
    }
  }
  if (isTextType(contentType)) {
    if (typeof event !== "string") throw new Error(mismatch);
    return encodeUtf8(event);
  }
  if (isCloudEventType(contentType)) return encodeUtf8(encodeGoJson(event, { sortKeys: true }));
  throw new Error(mismatch);
}

/** JSON has its bytes made only where somebody asks for them: an envelope is written from the text. */
class JsonPayload implements Payload {
  readonly json: string;
  constructor(json: string) {
    this.json = json;
  }
  get data(): Uint8Array {
    return encodeUtf8(this.json);
  }
}

function payloadOf(event: unknown, contentType: string): Payload {
  if (isJsonType(contentType)) return new JsonPayload(encodeGoJson(event, { sortKeys: true }));
  return { data: eventBytes(event, contentType) };
}

/** The entries of a bulk publish, checked one by one. Throws an ApiError. */
export function readBulkBody(
  body: Uint8Array,
  place: { readonly pubsub: string; readonly topic: string; readonly appId: string },
): readonly BulkPublishEntry[] {
  let given: ReturnType<typeof entriesShape>;
  try {
    given = decodeGoShape(decodeGoJson(body), entriesShape);
  } catch (cause) {
    if (!(cause instanceof GoJsonError)) throw cause;
    throw fail("pubsubEventsBody", { ...place, reason: cause.message }, { cause });
  }
  const seen = new Set<string>();
  return (given ?? []).map(({ entryId, event, contentType, metadata }) => {
    let payload: Payload;
    try {
      payload = payloadOf(event, contentType);
    } catch (cause) {
      throw fail(
        "pubsubEvent",
        { ...place, reason: cause instanceof Error ? cause.message : String(cause) },
        { cause },
      );
    }
    if (entryId === "" || seen.has(entryId)) throw fail("pubsubEntryId", place);
    seen.add(entryId);
    return Object.assign(payload, { entryId, contentType, metadata });
  });
}
