import type { Clock } from "../../../src/kit/clock.ts";
import type { SqlValue } from "../../../src/platform/types.ts";
import type { Step, Storage } from "../../../src/storage/storage.ts";

/** Rows that are looked through at once: the writer's thread does it, and others wait for it meanwhile. */
const CHUNK = 500;
const SOONEST_MS = 60_000;
/** Sweeps in the time for which events are kept: so much longer than that is one kept at the most. */
const SWEEPS = 24;

const behind = "(grp, id, source) > (?, ?, ?)";
const endSql = `SELECT grp, id, source FROM pubsub_inbox WHERE ${behind}
  ORDER BY grp, id, source LIMIT 1 OFFSET ${CHUNK - 1}`;
const oldSql = `DELETE FROM pubsub_inbox WHERE ${behind} AND (grp, id, source) <= (?, ?, ?) AND received_at < ?`;
const oldRestSql = `DELETE FROM pubsub_inbox WHERE ${behind} AND received_at < ?`;

/** Removes the events that were entered before a time (epoch milliseconds). */
export async function sweepInbox(storage: Pick<Storage, "write">, before: number): Promise<void> {
  let from: readonly SqlValue[] = [0, "", ""];
  for (;;) {
    const endStep: Step = { sql: endSql, params: from, returning: true };
    const end = (await storage.write([endStep]))[0]?.rows[0];
    // portable: node:sqlite 22.18 cuts a text off at its first NUL; behind such a one the end may be where it was
    if (end === undefined || (end["id"] === from[1] && end["source"] === from[2] && end["grp"] === from[0])) {
      await storage.write([{ sql: oldRestSql, params: [...from, before] }]);
      return;
    }
    const to = [end["grp"], end["id"], end["source"]] as readonly SqlValue[];
    await storage.write([{ sql: oldSql, params: [...from, ...to, before] }]);
    from = to;
  }
}

/** Sweeps from time to time; the answer stops it. */
export function scheduleInboxSweep(ports: {
  readonly storage: Pick<Storage, "write">;
  readonly clock: Pick<Clock, "now" | "after">;
  /** How long an event is known. */
  readonly keepMs: number;
  failed(error: unknown): void;
}): () => void {
  const { storage, clock, keepMs, failed } = ports;
  let cancel = (): void => undefined;
  let isStopped = false;
  function schedule(): void {
    if (!isStopped) cancel = clock.after(Math.max(SOONEST_MS, keepMs / SWEEPS), () => void run());
  }
  async function run(): Promise<void> {
    await sweepInbox(storage, clock.now() - keepMs).catch(failed);
    schedule();
  }
  schedule();
  return () => {
    isStopped = true;
    cancel();
  };
}
