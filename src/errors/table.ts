import { bindingRows } from "./rows/bindings.ts";
import { generalRows } from "./rows/general.ts";
import { healthRows } from "./rows/health.ts";
import { invokeRows } from "./rows/invoke.ts";
import { pubsubRows } from "./rows/pubsub.ts";
import { secretRows } from "./rows/secret.ts";
import { stateRows } from "./rows/state.ts";

/** Every error of the public API, by name. One file of rows for each building block. */
export const errorTable = {
  ...bindingRows,
  ...generalRows,
  ...healthRows,
  ...invokeRows,
  ...pubsubRows,
  ...secretRows,
  ...stateRows,
} as const;
