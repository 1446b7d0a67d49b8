import type { Clock } from "../../../src/kit/clock.ts";
import type { Step, Storage } from "../../../src/storage/storage.ts";
import { ackStep, type Fence, promoteStep } from "./statements.ts";

/** Gathers acknowledgements, so that many share a commit. */
export interface Acks {
  /** `key` is that of the message: the next message of it may go then. */
  add(group: number, fence: Fence, seq: number, key: string | null): void;
  /** Sends what has gathered now, for example beside a claim that commits anyway. */
  send(): void;
  /** Resolves when everything that was added is written, or has failed once more. */
  flush(): Promise<void>;
  /** Flushes and gives up what cannot be written: it will be delivered again. */
  close(): Promise<void>;
  /** Acknowledgements that are not on disk yet. */
  readonly open: number;
}

interface Gathered {
  readonly group: number;
  readonly fence: Fence;
  readonly seqs: number[];
  keys: string[] | undefined;
}

const MOST = 256;
/** How long an acknowledgement may wait for others. After a kill that much work is delivered again. */
const WAIT_MS = 4;
const AGAIN_MS = 1000;

/** Acknowledgements of one process. A write that fails is tried again until it succeeds. */
export function createAcks(ports: {
  readonly storage: Pick<Storage, "write">;
  readonly clock: Pick<Clock, "after">;
  /** These groups have acknowledged something. */
  readonly written: (groups: ReadonlySet<number>) => void;
  readonly failed: (error: unknown) => void;
}): Acks {
  const { storage, clock } = ports;
  let waiting: Gathered[] = [];
  let count = 0;
  let underWay = 0;
  let cancel: (() => void) | undefined;
  let isClosed = false;
  const writes = new Set<Promise<void>>();

  function wait(ms: number): void {
    if (!isClosed) cancel ??= clock.after(ms, send);
  }
  async function write(taken: readonly Gathered[], taking: number): Promise<void> {
    underWay += taking;
    const steps: Step[] = [];
    for (const { group, fence, seqs, keys } of taken) {
      steps.push(ackStep(group, fence, seqs));
      if (keys !== undefined) steps.push(promoteStep(group, keys));
    }
    try {
      await storage.write(steps);
      ports.written(new Set(taken.map(({ group }) => group)));
    } catch (error) {
      ports.failed(error);
      waiting = [...taken, ...waiting];
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
    waiting = [];
    count = 0;
    const writing = write(taken, taking);
    writes.add(writing);
    void writing.finally(() => writes.delete(writing));
  }

  async function flush(): Promise<void> {
    send();
    await Promise.all(writes);
  }

  /** The few kinds of deliveries that are under way at once differ by group, and after redeliveries by attempt. */
  function gather(group: number, fence: Fence): Gathered {
    const { owner, epoch, attempt } = fence;
    for (const known of waiting) {
      const { fence: its } = known;
      if (known.group === group && its.attempt === attempt && its.epoch === epoch && its.owner === owner) return known;
    }
    const added: Gathered = { group, fence: { owner, epoch, attempt }, seqs: [], keys: undefined };
    waiting.push(added);
    return added;
  }

  return {
    add(group, fence, seq, key) {
      const gathered = gather(group, fence);
      gathered.seqs.push(seq);
      if (key !== null) {
        gathered.keys ??= [];
        gathered.keys.push(key);
      }
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
