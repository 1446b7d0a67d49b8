import type { Clock } from "../../../src/kit/clock.ts";
import type { SqlValue } from "../../../src/platform/types.ts";
import type { Step, Storage } from "../../../src/storage/storage.ts";
import { SEEN_EVERY_MS } from "./owner.ts";
import { keepNumbersStep } from "./statements.ts";
import { trimSteps } from "./trim.ts";

export interface SweepPorts {
  readonly storage: Pick<Storage, "all" | "get" | "write">;
  readonly clock: Clock;
  /** Age and number up to which messages of a topic without any group are kept. */
  readonly unread: { readonly ttlMs: number; readonly limit: number };
  failed(error: unknown): void;
}

const EVERY_MS = 60_000;
const CHUNK = 500;
const SCAN = 10_000;

const expiredSql = `DELETE FROM pubsub_message WHERE seq IN (
  SELECT seq FROM pubsub_message WHERE expires_at <= ? ORDER BY expires_at LIMIT ${CHUNK})`;
// Dead letters wait for somebody to look at them.
const unreadSql = `DELETE FROM pubsub_message WHERE seq IN (
  SELECT seq FROM pubsub_message WHERE topic = ? AND origin IS NULL AND (published_at < ? OR seq <= ?)
  ORDER BY seq LIMIT ${CHUNK})
  AND NOT EXISTS (SELECT 1 FROM pubsub_group WHERE topic = ?)`;
const singleSql = `DELETE FROM pubsub_message WHERE seq IN (
  SELECT seq FROM pubsub_message WHERE topic = 0 AND seq NOT IN (SELECT seq FROM pubsub_delivery) LIMIT ${CHUNK})`;

async function repeat(storage: Pick<Storage, "write">, steps: readonly [Step, Step]): Promise<void> {
  for (;;) {
    const [, result] = await storage.write(steps);
    if ((result?.changes ?? 0) < CHUNK) return;
  }
}

/** The number of the newest message that no longer belongs to the topic's newest `bytes`; 0 when all do. */
async function beyondSize(storage: Pick<Storage, "write">, topic: number, bytes: number): Promise<number> {
  let rest = bytes;
  let below = Number.MAX_SAFE_INTEGER;
  for (;;) {
    // On the writer's thread, piece by piece: a large topic must hold up neither reads nor commits.
    const rows = (
      await storage.write([
        {
          sql: "SELECT seq, size FROM pubsub_message WHERE topic = +? AND seq < +? ORDER BY seq DESC LIMIT +?",
          params: [topic, below, SCAN],
          returning: true,
        },
      ])
    )[0]?.rows;
    for (const row of rows ?? []) {
      rest -= Number(row["size"]);
      below = Number(row["seq"]);
      if (rest < 0) return below;
    }
    if ((rows?.length ?? 0) < SCAN) return 0;
  }
}

/** Removes what groups are done with and what the topics need not retain. */
async function sweepTopics(storage: SweepPorts["storage"], now: number): Promise<void> {
  const topics = storage.all(
    "SELECT id, retain_ms, retain_bytes FROM pubsub_topic t WHERE EXISTS (SELECT 1 FROM pubsub_group WHERE topic = t.id)",
    [],
  );
  for (const { id, retain_ms: ms, retain_bytes: bytes } of topics) {
    const topic = Number(id);
    const bounds = { limit: CHUNK };
    if (ms === null && bytes === null) await repeat(storage, trimSteps(topic, bounds));
    if (ms !== null) await repeat(storage, trimSteps(topic, { ...bounds, before: now - Number(ms) }));
    if (bytes === null) continue;
    const upTo = await beyondSize(storage, topic, Number(bytes));
    if (upTo > 0) await repeat(storage, trimSteps(topic, { ...bounds, upTo }));
  }
}

async function sweepUnread({ storage, unread }: Omit<SweepPorts, "failed">, now: number): Promise<void> {
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
    await repeat(storage, [keepNumbersStep, { sql: unreadSql, params: [topic, before, upTo, topic] }]);
  }
}

/**
 * Removes what nobody will ask for: expired messages, what groups are done with and topics need not retain, messages of topics
 * without groups, owners that are long gone.
 */
export async function sweepOnce(ports: Omit<SweepPorts, "failed">): Promise<void> {
  const { storage, clock } = ports;
  const now = clock.now();
  const has = (sql: string, params: readonly SqlValue[]): boolean => storage.get(sql, params) !== undefined;
  if (has("SELECT 1 FROM pubsub_message WHERE expires_at <= ? LIMIT 1", [now]))
    await repeat(storage, [keepNumbersStep, { sql: expiredSql, params: [now] }]);
  if (has("SELECT 1 FROM pubsub_message WHERE topic = 0 LIMIT 1", []))
    await repeat(storage, [keepNumbersStep, { sql: singleSql, params: [] }]);
  await sweepTopics(storage, now);
  await sweepUnread(ports, now);
  const gone = now - 3 * SEEN_EVERY_MS;
  const isGone = "seen_at < ? AND lease_until < ?";
  if (!has(`SELECT 1 FROM pubsub_owner WHERE ${isGone} LIMIT 1`, [gone, now])) return;
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
