import type { StoredMessage } from "./statements.ts";

/** The messages that were just published here, for subscribers of this process that take them at once. */
export interface Recent {
  get(seq: number): StoredMessage | undefined;
  put(seq: number, message: StoredMessage): void;
}

/** Keeps the newest messages, together at most `mostBytes`; larger ones than a tenth of that never. */
export function createRecent(mostBytes: number): Recent {
  const messages = new Map<number, StoredMessage>();
  let bytes = 0;
  return {
    get: (seq) => messages.get(seq),
    put(seq, message) {
      const size = message.data.length;
      if (size > mostBytes / 10) return;
      bytes += size;
      // Bytes of a publisher may be reused after its publish.
      messages.set(seq, { ...message, data: message.data.slice() });
      for (const [oldest, { data }] of messages) {
        if (bytes <= mostBytes) return;
        messages.delete(oldest);
        bytes -= data.length;
      }
    },
  };
}
