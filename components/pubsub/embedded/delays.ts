import type { Clock } from "../../../src/kit/clock.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { dueDelayedSteps } from "./statements.ts";

/** Brings delayed messages to their topics when they are due, whoever published them. */
export interface Delays {
  /** There may be a message that is due earlier than any before. */
  look(): void;
  stop(): void;
}

const CHUNK = 500;
const AGAIN_MS = 1000;

/** One alarm for the message that is due first. Several processes may wake for it; the first one moves it. */
export function createDelays(ports: {
  readonly storage: Pick<Storage, "get" | "write">;
  readonly clock: Pick<Clock, "now" | "alarm">;
  /** Messages have come to these topics. */
  arrived(topics: ReadonlySet<number>): void;
  failed(error: unknown): void;
}): Delays {
  const { storage, clock } = ports;
  let alarmAt = Infinity;
  let cancel: (() => void) | undefined;
  let isMoving = false;
  let isStopped = false;

  function setAlarm(at: number): void {
    if (isStopped || at === alarmAt) return;
    cancel?.();
    alarmAt = at;
    cancel = at === Infinity ? undefined : clock.alarm(at, () => void move());
  }
  function look(): void {
    if (isMoving || isStopped) return;
    try {
      const due = storage.get("SELECT min(due_at) AS due FROM pubsub_delayed", [])?.["due"];
      setAlarm(typeof due === "number" ? due : Infinity);
    } catch (error) {
      ports.failed(error);
      setAlarm(clock.now() + AGAIN_MS);
    }
  }
  async function move(): Promise<void> {
    alarmAt = Infinity;
    cancel = undefined;
    if (isMoving || isStopped) return;
    isMoving = true;
    let again = 0;
    try {
      for (;;) {
        const [, moved] = await storage.write(dueDelayedSteps(clock.now(), CHUNK));
        const rows = moved?.rows ?? [];
        if (rows.length > 0) ports.arrived(new Set(rows.map(({ topic }) => Number(topic))));
        if (rows.length < CHUNK) break;
      }
    } catch (error) {
      ports.failed(error);
      again = clock.now() + AGAIN_MS;
    } finally {
      isMoving = false;
    }
    if (again > 0) setAlarm(again);
    else look();
  }

  return {
    look,
    stop() {
      isStopped = true;
      cancel?.();
    },
  };
}
