/** Applies values one after the other; of those that come meanwhile only the last. */
export interface Latest<T> {
  offer(value: T): void;
  /** Forgets the value that waits, takes no more, and resolves when the one in hand is done. */
  stop(): Promise<void>;
}

/** `failed` is told of rejections; the next value is applied all the same. */
export function createLatest<T>(apply: (value: T) => Promise<void>, failed: (error: unknown) => void): Latest<T> {
  let waiting: { readonly value: T } | undefined;
  let running: Promise<void> | undefined;
  let isStopped = false;

  async function run(): Promise<void> {
    while (waiting !== undefined) {
      const { value } = waiting;
      waiting = undefined;
      await apply(value).catch(failed);
    }
    running = undefined;
  }

  return {
    offer(value) {
      if (isStopped) return;
      waiting = { value };
      running ??= run();
    },
    async stop() {
      isStopped = true;
      waiting = undefined;
      await running;
    },
  };
}
