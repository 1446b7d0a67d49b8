import type { StateValue } from "../../driver/state.ts";
import { fail } from "../../errors/error.ts";
import { encodeUtf8 } from "../../kit/bytes.ts";
import { decodeGoJsonText, encodeGoJson, GoJsonError } from "../../kit/go-json.ts";
import type { StateContent } from "./model.ts";
import type { OpenStateStore } from "./ports.ts";

function standardBytes(value: unknown): Uint8Array {
  try {
    return encodeUtf8(encodeGoJson(value, { sortKeys: true }));
  } catch (cause) {
    if (!(cause instanceof GoJsonError)) throw cause;
    const text = cause.message.replace("Go value", "Go struct field SetRequest.value");
    throw fail("malformedText", { text }, { cause });
  }
}

/** JSON text of a gRPC caller, decoded; broken text is answered with the decoder's bare words. */
function decodeText(bytes: Uint8Array): unknown {
  try {
    return decodeGoJsonText(bytes);
  } catch (cause) {
    throw fail("unknown", { message: cause instanceof Error ? cause.message : String(cause) }, { cause });
  }
}

/** What is to be stored, or for a store with keys what is to be encrypted. Throws an API error for broken JSON text. */
export function encodeContent(store: OpenStateStore, content: StateContent): StateValue {
  const isEncrypted = store.cipher !== undefined;
  switch (content.kind) {
    case "bytes":
      return { bytes: content.bytes, binary: true };
    case "jsonText": {
      const value = decodeText(content.bytes);
      if (isEncrypted) return { bytes: content.bytes, binary: true };
      return { bytes: standardBytes(value), binary: false };
    }
    case "json": {
      // compat: pkg/api/http/http.go encrypts Go's print form, in which a string has no quotes; the rest stays JSON here
      if (isEncrypted && typeof content.value === "string") return { bytes: encodeUtf8(content.value), binary: true };
      return { bytes: content.text ?? standardBytes(content.value), binary: false };
    }
  }
}

/** The value as it goes to the component: encrypted where the store has keys. */
export async function sealValue(store: OpenStateStore, value: StateValue): Promise<StateValue> {
  return store.cipher === undefined ? value : { bytes: await store.cipher.encrypt(value.bytes), binary: true };
}
