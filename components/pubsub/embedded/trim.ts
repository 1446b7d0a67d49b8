import type { Clock } from "../../../src/kit/clock.ts";
import type { Step, Storage } from "../../../src/storage/storage.ts";
import { keepNumbersStep } from "./statements.ts";

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
/** The same for looking through all that is behind the first message that is out. */
const REST_THOROUGH = 200;

/** Removes up to `limit` messages that all groups of the topic are done with, published before `before` and with numbers up to `upTo`. */
export function trimSteps(
  topic: number,
  bounds: { readonly limit: number; readonly before?: number; readonly upTo?: number },
): [Step, Step] {
  const { limit, before = Number.MAX_SAFE_INTEGER, upTo = Number.MAX_SAFE_INTEGER } = bounds;
  return [
    keepNumbersStep,
    {
      sql: `DELETE FROM pubsub_message WHERE seq IN (
        SELECT seq FROM pubsub_message WHERE topic = +? AND published_at < +? AND seq <= +?
          AND seq <= (SELECT min(cursor) FROM pubsub_group WHERE topic = +?)
          AND seq NOT IN (SELECT seq FROM pubsub_delivery WHERE grp IN (SELECT id FROM pubsub_group WHERE topic = +?))
        ORDER BY seq LIMIT +?)`,
      params: [topic, before, upTo, topic, topic, limit],
    },
  ];
}

/**
 * Removes up to `limit` messages before the first one that some group of the topic is not done with. Where thousands are out it
 * takes a fraction of the time of `trimSteps`, and leaves little to it.
 */
function trimFrontSteps(topic: number, limit: number): [Step, Step] {
  return [
    keepNumbersStep,
    {
      sql: `DELETE FROM pubsub_message WHERE seq IN (
        SELECT seq FROM pubsub_message WHERE topic = +?
          AND seq <= (SELECT min(cursor) FROM pubsub_group WHERE topic = +?)
          AND seq < (SELECT coalesce(min(seq), ${Number.MAX_SAFE_INTEGER}) FROM pubsub_delivery
            WHERE grp IN (SELECT id FROM pubsub_group WHERE topic = +?))
        ORDER BY seq LIMIT +?)`,
      params: [topic, topic, topic, limit],
    },
  ];
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
  /** When a topic may be looked through behind the first message that is out. */
  const thorough = new Map<number, number>();
  let isStopped = false;

  async function repeat(steps: readonly [Step, Step]): Promise<void> {
    for (;;) {
      const [, result] = await storage.write(steps);
      if ((result?.changes ?? 0) < CHUNK) return;
    }
  }
  async function now(topic: number): Promise<void> {
    if (!isRetained(storage, topic)) await repeat(trimSteps(topic, { limit: CHUNK }));
  }
  async function trim(topic: number): Promise<void> {
    if (isRetained(storage, topic)) return;
    await repeat(trimFrontSteps(topic, CHUNK));
    const began = clock.monotonic();
    // What is left now is found by the sweep at the latest.
    if (began < (thorough.get(topic) ?? 0)) return;
    await repeat(trimSteps(topic, { limit: CHUNK }));
    const ended = clock.monotonic();
    thorough.set(topic, ended + (ended - began) * REST_THOROUGH);
  }
  async function run(topic: number): Promise<void> {
    due.delete(topic);
    const began = clock.monotonic();
    try {
      await trim(topic);
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
