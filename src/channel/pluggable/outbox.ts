/** What is sent on a stream, one by one, while it is open. */
export interface Outbox<T> extends AsyncIterable<T> {
  put(value: T): void;
  /** Ends the stream after what was put. */
  end(): void;
}

/** Makes the sending half of a stream. It is read once. */
export function createOutbox<T>(): Outbox<T> {
  const waiting: T[] = [];
  let isOver = false;
  let wake: (() => void) | undefined;
  const changed = (): void => {
    wake?.();
    wake = undefined;
  };
  async function* read(): AsyncGenerator<T> {
    for (;;) {
      while (waiting.length > 0) yield waiting.shift() as T;
      if (isOver) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  return {
    put(value) {
      waiting.push(value);
      changed();
    },
    end() {
      isOver = true;
      changed();
    },
    [Symbol.asyncIterator]: read,
  };
}
