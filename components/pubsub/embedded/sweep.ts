import type { Clock } from "../../../src/kit/clock.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { SEEN_EVERY_MS } from "./owner.ts";

export interface SweepPorts {
  readonly storage: Pick<Storage, "all" | "get" | "write">;
  readonly clock: Clock;
  /** Age and number up to which messages of a topic without any group are kept. */
  readonly unread: { readonly ttlMs: number; readonly limit: number };
  failed(error: unknown): void;
}

const EVERY_MS = 60_000;
const CHUNK = 500;

const expiredSql = `DELETE FROM pubsub_message WHERE seq IN (
  SELECT seq FROM pubsub_message WHERE expires_at <= ? ORDER BY expires_at LIMIT ${CHUNK})`;
const unreadSql = `DELETE FROM pubsub_message WHERE seq IN (
  SELECT seq FROM pubsub_message WHERE topic = ? ORDER BY seq LIMIT ${CHUNK})
  AND (published_at < ? OR seq <= ?) AND NOT EXISTS (SELECT 1 FROM pubsub_group WHERE topic = ?)`;

/** Removes what nobody will ask for: expired messages, messages of topics without groups, owners that are long gone. */
export async function sweepOnce({ storage, clock, unread }: Omit<SweepPorts, "failed">): Promise<void> {
  const now = clock.now();
  const repeat = async (sql: string, params: readonly number[]): Promise<void> => {
    for (;;) {
      const [result] = await storage.write([{ sql, params }]);
      if ((result?.changes ?? 0) < CHUNK) return;
    }
  };
  if (storage.get("SELECT 1 FROM pubsub_message WHERE expires_at <= ? LIMIT 1", [now]) !== undefined)
    await repeat(expiredSql, [now]);
  const orphans = storage.all(
    "SELECT id FROM pubsub_topic t WHERE NOT EXISTS (SELECT 1 FROM pubsub_group WHERE topic = t.id)",
    [],
  );
  for (const { id } of orphans) {
    const topic = Number(id);
    const oldest = storage.get("SELECT seq, published_at FROM pubsub_message WHERE topic = ? ORDER BY seq LIMIT 1", [
      topic,
    ]);
    if (oldest === undefined) continue;
    const surplus = storage.get("SELECT seq FROM pubsub_message WHERE topic = ? ORDER BY seq DESC LIMIT 1 OFFSET ?", [
      topic,
      unread.limit,
    ]);
    const upTo = Number(surplus?.["seq"] ?? 0);
    const before = now - unread.ttlMs;
    if (upTo === 0 && Number(oldest["published_at"]) >= before) continue;
    await repeat(unreadSql, [topic, before, upTo, topic]);
  }
  const gone = now - 3 * SEEN_EVERY_MS;
  const isGone = "seen_at < ? AND lease_until < ?";
  if (storage.get(`SELECT 1 FROM pubsub_owner WHERE ${isGone} LIMIT 1`, [gone, now]) === undefined) return;
  const owners = `(SELECT id FROM pubsub_owner WHERE ${isGone})`;
  await storage.write([
    { sql: `UPDATE pubsub_delivery SET owner = 0, due_at = 0 WHERE owner IN ${owners}`, params: [gone, now] },
    { sql: `DELETE FROM pubsub_member WHERE owner IN ${owners}`, params: [gone, now] },
    { sql: `DELETE FROM pubsub_owner WHERE ${isGone}`, params: [gone, now] },
  ]);
}

/** Sweeps once a minute; the answer stops it. */
export function scheduleSweep(ports: SweepPorts): () => void {
  const { clock } = ports;
  let cancel = (): void => undefined;
  function schedule(): void {
    cancel = clock.after(EVERY_MS, () => {
      schedule();
      sweepOnce(ports).catch(ports.failed);
    });
  }
  schedule();
  return () => cancel();
}
