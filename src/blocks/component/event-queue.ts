/** Messages on their way out of a stream, with what the other side will say of each. */
export interface EventQueue<M, A> extends AsyncIterable<M> {
  /** Sends a message with a number of its own; resolves with the answer to it, or with undefined when the stream ends before. */
  ask(make: (id: string) => M): Promise<A | undefined>;
  answer(id: string, answer: A): void;
  end(): void;
  /** Resolves with `end`. */
  readonly ended: Promise<void>;
}

/** Makes a queue. It is read once. */
export function createEventQueue<M, A>(): EventQueue<M, A> {
  const messages: M[] = [];
  const waiting = new Map<string, (answer: A | undefined) => void>();
  let wake: (() => void) | undefined;
  const over = Promise.withResolvers<void>();
  let isOver = false;
  let last = 0;

  async function* read(): AsyncGenerator<M> {
    for (;;) {
      while (messages.length > 0) yield messages.shift()!;
      if (isOver) return;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  return {
    ask(make) {
      if (isOver) return Promise.resolve(undefined);
      const id = String(++last);
      messages.push(make(id));
      wake?.();
      return new Promise((resolve) => waiting.set(id, resolve));
    },
    answer(id, answer) {
      waiting.get(id)?.(answer);
      waiting.delete(id);
    },
    end() {
      isOver = true;
      over.resolve();
      messages.length = 0;
      for (const settle of waiting.values()) settle(undefined);
      waiting.clear();
      wake?.();
    },
    ended: over.promise,
    [Symbol.asyncIterator]: read,
  };
}
