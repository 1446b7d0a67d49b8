import { textError } from "./answer.ts";
import type { Fallback } from "./route.ts";

/** compat: what the public listener answers where it has no route; nothing is invoked from there. */
export const publicFallback: Fallback = { handle: () => textError(404, "404 page not found") };
