const truthy = new Set(["y", "yes", "true", "t", "on", "1"]);

/** True for `y yes true t on 1` in any case; everything else, also nothing, is false. */
export function isTruthy(text: string | undefined): boolean {
  return text !== undefined && truthy.has(text.trim().toLowerCase());
}
