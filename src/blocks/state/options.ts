import { DriverError } from "../../driver/errors.ts";
import type { Concurrency, Consistency } from "../../driver/state.ts";

function isConsistency(text: string): text is Consistency {
  return text === "" || text === "strong" || text === "eventual";
}

function isConcurrency(text: string): text is Concurrency {
  return text === "" || text === "first-write" || text === "last-write";
}

/** The consistency of a read; an unknown one counts as none. */
export function readConsistency(text: string): Consistency {
  return isConsistency(text) ? text : "";
}

/** The options of a write or a delete. Throws a DriverError that names an unknown one. */
export function writeOptions(options: { readonly concurrency: string; readonly consistency: string }): {
  readonly concurrency: Concurrency;
  readonly consistency: Consistency;
} {
  const { concurrency, consistency } = options;
  if (!isConsistency(consistency))
    throw new DriverError("badRequest", `unrecognized consistency model '${consistency}'`);
  if (!isConcurrency(concurrency))
    throw new DriverError("badRequest", `unrecognized concurrency model '${concurrency}'`);
  return { concurrency, consistency };
}
