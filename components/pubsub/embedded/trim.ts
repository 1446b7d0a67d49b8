import type { Clock } from "../../../src/kit/clock.ts";
import type { Step, Storage } from "../../../src/storage/storage.ts";

/** Removes messages that all groups of their topic are done with, soon after they are. */
export interface Trim {
  /** Something of the topic was acknowledged. */
  soon(topic: number): void;
  /** Removes what can be removed now. */
  now(topic: number): Promise<void>;
  stop(): void;
}

const CHUNK = 1000;
const SOON_MS = 200;
const LATEST_MS = 60_000;
/** The share of time that may go into this is one part in so many. */
const REST = 20;

/** Removes up to `limit` messages that all groups of the topic are done with, published before `before` and with numbers up to `upTo`. */
export function trimStep(
  topic: number,
  bounds: { readonly limit: number; readonly before?: number; readonly upTo?: number },
): Step {
  const { limit, before = Number.MAX_SAFE_INTEGER, upTo = Number.MAX_SAFE_INTEGER } = bounds;
  return {
    sql: `DELETE FROM pubsub_message WHERE seq IN (
      SELECT seq FROM pubsub_message WHERE topic = +? AND published_at < +? AND seq <= +?
        AND seq <= (SELECT min(cursor) FROM pubsub_group WHERE topic = +?)
        AND seq NOT IN (SELECT seq FROM pubsub_delivery WHERE grp IN (SELECT id FROM pubsub_group WHERE topic = +?))
      ORDER BY seq LIMIT +?)`,
    params: [topic, before, upTo, topic, topic, limit],
  };
}

/** True: the topic keeps what its groups are done with. */
export function isRetained(storage: Pick<Storage, "get">, topic: number): boolean {
  const sql = "SELECT 1 FROM pubsub_topic WHERE id = ? AND (retain_ms IS NOT NULL OR retain_bytes IS NOT NULL)";
  return storage.get(sql, [topic]) !== undefined;
}

/** Trims the topics of one process. Topics that retain messages are left to the sweep. */
export function createTrim(ports: {
  readonly storage: Pick<Storage, "get" | "write">;
  readonly clock: Pick<Clock, "after" | "monotonic">;
  failed(error: unknown): void;
}): Trim {
  const { storage, clock } = ports;
  const due = new Map<number, () => void>();
  const waits = new Map<number, number>();
  let isStopped = false;

  async function now(topic: number): Promise<void> {
    if (isRetained(storage, topic)) return;
    const step = trimStep(topic, { limit: CHUNK });
    for (;;) {
      const [result] = await storage.write([step]);
      if ((result?.changes ?? 0) < CHUNK) return;
    }
  }
  async function run(topic: number): Promise<void> {
    due.delete(topic);
    const began = clock.monotonic();
    try {
      await now(topic);
    } catch (error) {
      ports.failed(error);
    }
    // A topic with many open deliveries takes longer to look through: then it is done less often.
    waits.set(topic, Math.min(LATEST_MS, Math.max(SOON_MS, (clock.monotonic() - began) * REST)));
  }

  return {
    soon(topic) {
      if (isStopped || due.has(topic)) return;
      due.set(
        topic,
        clock.after(waits.get(topic) ?? SOON_MS, () => void run(topic)),
      );
    },
    now,
    stop() {
      isStopped = true;
      for (const cancel of due.values()) cancel();
      due.clear();
    },
  };
}
