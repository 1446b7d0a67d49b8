import type { Clock } from "../../../src/kit/clock.ts";
import type { Step, Storage } from "../../../src/storage/storage.ts";
import { ackStep } from "./statements.ts";

/** Gathers acknowledgements, so that many share a commit. */
export interface Acks {
  add(group: number, seq: number): void;
  /** Sends what has gathered now, for example beside a claim that commits anyway. */
  send(): void;
  /** Resolves when everything that was added is written, or has failed once more. */
  flush(): Promise<void>;
  /** Flushes and gives up what cannot be written: it will be delivered again. */
  close(): Promise<void>;
  /** Acknowledgements that are not on disk yet. */
  readonly open: number;
}

const MOST = 256;
/** How long an acknowledgement may wait for others. After a kill that much work is delivered again. */
const WAIT_MS = 4;
const AGAIN_MS = 1000;

/** Acknowledgements of one owner. A write that fails is tried again until it succeeds. */
export function createAcks(ports: {
  readonly storage: Pick<Storage, "write">;
  readonly clock: Pick<Clock, "after">;
  readonly owner: number;
  readonly failed: (error: unknown) => void;
}): Acks {
  const { storage, clock, owner } = ports;
  let waiting = new Map<number, number[]>();
  let count = 0;
  let underWay = 0;
  let cancel: (() => void) | undefined;
  let isClosed = false;
  const writes = new Set<Promise<void>>();

  function wait(ms: number): void {
    if (!isClosed) cancel ??= clock.after(ms, send);
  }
  async function write(taken: ReadonlyMap<number, number[]>, taking: number): Promise<void> {
    underWay += taking;
    const steps: Step[] = [];
    for (const [group, seqs] of taken) steps.push(ackStep(group, owner, seqs));
    try {
      await storage.write(steps);
    } catch (error) {
      ports.failed(error);
      for (const [group, seqs] of taken) waiting.set(group, [...seqs, ...(waiting.get(group) ?? [])]);
      count += taking;
      wait(AGAIN_MS);
    } finally {
      underWay -= taking;
    }
  }
  function send(): void {
    cancel?.();
    cancel = undefined;
    if (count === 0) return;
    const taken = waiting;
    const taking = count;
    waiting = new Map();
    count = 0;
    const writing = write(taken, taking);
    writes.add(writing);
    void writing.finally(() => writes.delete(writing));
  }

  async function flush(): Promise<void> {
    send();
    await Promise.all(writes);
  }

  return {
    add(group, seq) {
      const seqs = waiting.get(group);
      if (seqs === undefined) waiting.set(group, [seq]);
      else seqs.push(seq);
      count += 1;
      if (count >= MOST) send();
      else wait(WAIT_MS);
    },
    send,
    flush,
    async close() {
      isClosed = true;
      await flush();
    },
    get open() {
      return count + underWay;
    },
  };
}
