import { parseNanoseconds } from "./duration.ts";

/**
 * Milliseconds that a message may live, from metadata `ttl` or `ttlInSeconds` in any case: a Go duration, or whole seconds.
 * Undefined when there is none or it cannot be read; 0 means that it expires at once.
 * compat: components-contrib metadata.TryGetTTL and its caller, which ignores the error
 */
export function messageTtl(metadata: Readonly<Record<string, string>>): number | undefined {
  let text = "";
  let isExact = false;
  for (const name in metadata) {
    const folded = name.toLowerCase();
    if (folded === "ttl") {
      text = metadata[name]!;
      isExact = true;
    } else if (folded === "ttlinseconds" && !isExact) text = metadata[name]!;
  }
  if (text === "") return undefined;
  try {
    return Math.max(0, Math.round(Number(parseNanoseconds(text)) / 1e6));
  } catch {
    if (!/^[+-]?\d+$/.test(text)) return undefined;
    const seconds = Number(text);
    if (seconds <= 0 || seconds > Number.MAX_SAFE_INTEGER) return undefined;
    return Math.min(seconds * 1000, Number.MAX_SAFE_INTEGER);
  }
}
