import type { Step, Storage } from "../storage/storage.ts";

/** Steps that are committed together with the writes of a store, all or none of them. */
export interface Companion {
  /** The database in which the steps run; compare with `isSameDatabase`. */
  readonly storage: Storage;
  /** They run before the store's own. */
  readonly steps: readonly Step[];
  /** What it means that the step with this index changed another number of rows than it expected. */
  unmet(step: number): Error;
  /** The transaction was handed to the writer, in this very turn. */
  submitted(): void;
}

/** Whether two uses are of one open database, so that one transaction can hold the steps of both. */
export function isSameDatabase(one: Storage | undefined, other: Storage | undefined): boolean {
  return one !== undefined && other !== undefined && one.shared === other.shared;
}
