import type { StateOperation } from "../../../src/driver/state.ts";
import { etagMismatch } from "../../_shared/etag-mismatch.ts";
import type { EtcdCondition, EtcdPair } from "../../_shared/etcd-client.ts";

/** What operations come to: the conditions that must hold before, and the last operation on each key. */
export interface WritePlan {
  readonly conditions: readonly { readonly condition: EtcdCondition; readonly etag: string }[];
  readonly last: ReadonlyMap<string, StateOperation>;
}

const taken = "item already exists and no etag was passed";
/** A revision that no key has. */
const never = -1;

/**
 * Reduces operations in order to one write for each key, because etcd refuses to write a key twice in a transaction.
 * `path` gives the stored key. Throws DriverError "etagMismatch" when an operation cannot pass after an earlier one.
 */
export function planWrites(operations: readonly StateOperation[], path: (key: string) => string): WritePlan {
  const conditions: WritePlan["conditions"][number][] = [];
  const last = new Map<string, StateOperation>();
  for (const operation of operations) {
    const { etag, concurrency } = operation.request;
    const key = path(operation.request.key);
    const before = last.get(key);
    if (etag !== null && etag !== "") {
      if (before?.kind === "delete") throw etagMismatch(`state not exist or expired for key=${key}`);
      if (before !== undefined) throw etagMismatch(`state etag not match for key=${key}: it was just written`);
      const modRevision = /^[1-9][0-9]{0,14}$/.test(etag) ? Number(etag) : never;
      conditions.push({ condition: { key, modRevision }, etag });
    } else if (concurrency === "first-write") {
      if (before?.kind === "upsert") throw etagMismatch(taken);
      if (before === undefined) conditions.push({ condition: { key, absent: true }, etag: "" });
    }
    last.set(key, operation);
  }
  return { conditions, last };
}

/** Why a plan was refused: the first condition that does not hold of the keys as they are. */
export function refusedPlan({ conditions }: WritePlan, found: readonly (EtcdPair | undefined)[]): Error {
  for (const [at, { condition, etag }] of conditions.entries()) {
    const pair = found[at];
    if ("absent" in condition) {
      if (pair !== undefined) return etagMismatch(taken);
    } else if (pair === undefined) return etagMismatch(`state not exist or expired for key=${condition.key}`);
    else if (pair.modRevision !== condition.modRevision)
      return etagMismatch(`state etag not match for key=${condition.key}: current=${pair.modRevision}, expect=${etag}`);
  }
  return etagMismatch();
}
