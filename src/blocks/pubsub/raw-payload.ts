import type { Metadata } from "./model.ts";

const yes = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const no = new Set(["", "0", "f", "F", "FALSE", "false", "False"]);

/** Whether `rawPayload` asks for data without an envelope. Throws an Error in upstream's words when it is no boolean. */
export function isRawPayload(metadata: Metadata): boolean {
  const text = metadata["rawPayload"] ?? "";
  if (yes.has(text)) return true;
  if (no.has(text)) return false;
  throw new Error(`rawPayload value must be a valid boolean: actual is '${text}'`);
}
