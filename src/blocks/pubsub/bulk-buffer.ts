import type { Delivery, IncomingMessage } from "../../driver/pubsub.ts";
import type { Clock } from "../../kit/clock.ts";

/** A message in a bulk, under an id of its own. */
export interface BufferedEntry {
  readonly entryId: string;
  readonly message: IncomingMessage;
}

/** Delivers a bulk; an entry that is missing in the answer is given back to the broker. */
export type BulkHandler = (entries: readonly BufferedEntry[]) => Promise<ReadonlyMap<string, Delivery>>;

/** Gathers single messages into bulks. */
export interface BulkBuffer {
  /** Resolves when the bulk with this message is done. */
  add(message: IncomingMessage): Promise<Delivery>;
  /** Sends what has gathered, and from now on every message at once. */
  close(): void;
}

export interface BulkBufferOptions {
  readonly maxMessagesCount: number;
  /** How long the first message of a bulk waits for others. */
  readonly maxAwaitDurationMs: number;
  readonly clock: Pick<Clock, "after">;
  newId(): string;
  readonly handle: BulkHandler;
}

/** A bulk goes when it is full, or when its first message has waited long enough. */
export function createBulkBuffer(options: BulkBufferOptions): BulkBuffer {
  const { maxMessagesCount, maxAwaitDurationMs, clock, newId, handle } = options;
  let entries: BufferedEntry[] = [];
  let waiting = new Map<string, (delivery: Delivery) => void>();
  let cancel: (() => void) | undefined;
  let isClosed = false;

  async function flush(): Promise<void> {
    cancel?.();
    cancel = undefined;
    if (entries.length === 0) return;
    const taken = entries;
    const settle = waiting;
    entries = [];
    waiting = new Map();
    const outcome = await handle(taken).catch(() => undefined);
    for (const [entryId, resolve] of settle) resolve(outcome?.get(entryId) ?? "retry");
  }

  return {
    add: (message) =>
      new Promise((resolve) => {
        const entryId = newId();
        entries.push({ entryId, message });
        waiting.set(entryId, resolve);
        if (isClosed || entries.length >= maxMessagesCount) void flush();
        else cancel ??= clock.after(maxAwaitDurationMs, () => void flush());
      }),
    close() {
      isClosed = true;
      void flush();
    },
  };
}
